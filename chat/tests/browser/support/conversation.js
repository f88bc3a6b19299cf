/** A conversation such as people have, for the pictures. */

import { RawClient } from './raw-client.js';

const ROOMS = ['Tea time 茶', 'Release 2.4', '周末徒步', 'Book club'];

/** [who, what]; the person at the page says what "me" says. */
const TALK = {
  en: [
    ['Mara Lind', 'Morning! Did the new build survive the night?'],
    ['Tomás', 'It did. Ten thousand connections, one reload in the middle, nobody noticed.'],
    ['Tomás', 'I watched the graph the whole time and it is honestly the most boring picture I have ever been proud of.'],
    ['me', 'Boring is exactly what we promised.'],
    ['me', 'Can you put the numbers into the notes before the call?'],
    ['李雷', '我把昨晚的压测结果整理好了：广播到最后一个客户端 38 毫秒，比上周快了一半。'],
    ['李雷', '“重载”期间没有断开任何连接，日志我放在老地方。'],
    ['Mara Lind', 'That is great news. For those of us who read slowly: half of last week’s time to reach the last client, and no connection was closed during the reload.'],
    ['me', 'Perfect, thank you both. Then the plan for today:\n1. write it up\n2. update the picture in the readme\n3. cake'],
    ['Priya', 'I vote for starting with 3.'],
  ],
  'zh-CN': [
    ['韩梅梅', '早上好！周六去香山徒步，有人一起吗？'],
    ['李雷', '算我一个。几点出发？'],
    ['李雷', '听说这几天红叶正好，不过周末人会很多，最好早一点到，不然停车是个大问题。'],
    ['me', '我也去！可以坐地铁，西郊线到香山站，下车走十分钟就到了。'],
    ['me', '要不要约 7:30 在巴沟站见？'],
    ['Tomás', 'Count me in, if someone tells me what to bring. 我的中文还不太好 😅'],
    ['韩梅梅', '水、帽子，还有一双好走的鞋就够了。《北京登山指南》里说这条路线“老少皆宜”，大约三个小时。'],
    ['me', '那就这么定了：\n1. 周六 7:30，巴沟站 A 口\n2. 韩梅梅带地图\n3. 我带点心'],
    ['Priya', 'See you there! 到时候见～'],
    ['李雷', '好的，我再叫上两个同事。'],
  ],
};

/**
 * Rooms, and people in them, who stay until they are told to leave.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 */
export async function gather(browser, url) {
  const guests = new Map();
  for (const name of ['Mara Lind', 'Tomás', 'Priya', '李雷', '韩梅梅']) guests.set(name, await RawClient.connect(browser, url, name));
  for (const room of ROOMS) await guests.get('Priya').ask({ type: 'create', room });
  for (const guest of guests.values()) await guest.join('lobby');
  await guests.get('Priya').join('book-club');
  await guests.get('李雷').join('周末徒步');
  return guests;
}

/**
 * @param {Map<string, RawClient>} guests
 * @param {import('./browser.js').Person} person
 * @param {'en' | 'zh-CN'} language
 */
export async function talk(guests, person, language) {
  for (const [who, what] of TALK[language]) {
    if (who === 'me') await person.say(what);
    else await guests.get(who).say('lobby', what);
    // Lists are elements of their own.
    await person.stored(what.split('\n', 1)[0]);
  }
}

/** What is more than plain words. @type {Record<'en' | 'zh-CN', string[]>} */
const RICH = {
  en: ['Here is the **whole recipe**:\n\n1. `cargo build --release`\n2. read the [notes](https://example.com/notes)\n3. ~~hope~~ measure', '```\nlet frames = ring.drain(512);\nassert!(frames.len() <= 512);\n```', 'That is the one, thanks!', 'wrong room'],
  'zh-CN': ['**完整步骤**在这里：\n\n1. 运行 `cargo build --release`\n2. 看[说明](https://example.com/notes)\n3. ~~碰运气~~ 实测', '```\nlet frames = ring.drain(512);\nassert!(frames.len() <= 512);\n```', '就是这个，谢谢！', '发错地方了'],
};

/**
 * Markdown, an answer, reactions, an edited message and a deleted one.
 * @param {Map<string, RawClient>} guests
 * @param {import('./browser.js').Person} person
 * @param {'en' | 'zh-CN'} language
 */
export async function enrich(guests, person, language) {
  const [recipe, code, thanks, slip] = RICH[language];
  const ask = async (who, frame) => {
    const answer = await guests.get(who).ask({ room: 'lobby', ...frame });
    if (answer.type === 'error') throw new Error(`${who}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const { seq } = await ask('Tomás', { type: 'message', text: recipe });
  await ask('Tomás', { type: 'message', text: code });
  const answer = await ask('李雷', { type: 'message', text: `${thanks} 👀`, reply_to: seq });
  await ask('李雷', { type: 'edit', seq: answer.seq, text: thanks });
  const gone = await ask('Tomás', { type: 'message', text: slip });
  await ask('Tomás', { type: 'delete', seq: gone.seq });
  for (const [who, emoji] of [['李雷', '👍'], ['Priya', '👍'], ['Mara Lind', '👍'], ['Priya', '🎉'], ['韩梅梅', '❤️']]) {
    await ask(who, { type: 'react', seq, emoji, on: true });
  }
  await person.stored(thanks);
  await person.page.locator('.message .chip').nth(2).waitFor();
  await person.page.locator('.message .chip').first().click();
  await person.page.locator('.chip[aria-pressed=true]').waitFor();
}
