/** Common emoji, in groups, with their names in the page's languages: the first of them is what a screen reader says. */

import { language } from '../i18n/index.js';

/** @typedef {{ emoji: string, en: string[], zh: string[] }} Emoji */
/** @typedef {'smileys' | 'hands' | 'hearts' | 'nature' | 'food' | 'things'} EmojiGroup */

/** Emoji, English names, Chinese names. @type {Record<EmojiGroup, string>} */
const SOURCE = {
  smileys: `😀 grinning,smile|笑,开心
😄 happy,laugh|大笑,高兴
😁 beaming,grin|嘿嘿,露齿笑
😂 joy,tears_of_joy,lol|笑哭
🤣 rofl|笑翻
😊 blush|微笑,害羞
🙂 slight_smile|浅笑,呵呵
😉 wink|眨眼
😍 heart_eyes|花痴,喜欢
🥰 loving,in_love|爱了
😘 kiss|飞吻,亲亲
😋 yum|好吃,馋
😎 cool,sunglasses|酷,墨镜
🤩 star_struck,wow|哇,崇拜
🥳 partying|庆祝,派对
🤔 thinking,hmm|思考,想想
🤨 raised_eyebrow|怀疑,挑眉
😐 neutral|面无表情
🙄 eye_roll|白眼
😏 smirk|坏笑,得意
😴 sleeping|睡觉,困
😅 sweat_smile,phew|汗,尴尬
😬 grimacing|龇牙
😢 cry,sad|伤心,哭
😭 sob|大哭,流泪
😤 huff|哼,生气
😡 angry|愤怒,怒
😱 scream|尖叫,惊恐
😳 flushed|脸红
🤯 mind_blown|震惊,头炸了
😇 angel,innocent|天使,无辜
🤗 hug|抱抱,拥抱
🤭 giggle,oops|捂嘴笑,偷笑
🤫 shush,quiet|嘘
🫠 melting|融化
🤒 sick,ill|生病
👻 ghost|鬼
💀 skull|骷髅,笑死
🤖 robot|机器人
🙈 see_no_evil|没眼看,非礼勿视`,
  hands: `👍 thumbs_up,+1,yes,like|赞,好的,点赞
👎 thumbs_down,-1,no|踩,不好
👌 ok|好,没问题
👏 clap,applause|鼓掌
🙌 raised_hands,hooray|万岁,举手
🙏 thanks,please,pray|谢谢,拜托,祈祷
💪 strong,muscle|加油,强
✌️ victory,peace|耶,胜利
🤞 fingers_crossed|祈求好运
🤝 handshake,deal|握手,成交
👋 wave,hello,bye|你好,再见,挥手
✋ stop,hand|停,手
👉 point_right|指右,这个
👈 point_left|指左
👆 point_up|指上,同上
👇 point_down|指下,看下面
✊ fist|拳头
🤷 shrug|无奈,不知道
🤦 facepalm|捂脸,无语
🙇 bow,sorry|鞠躬,抱歉
👀 eyes,looking|看,围观
🧠 brain|脑子`,
  hearts: `❤️ heart,love|心,爱心
🧡 orange_heart|橙心
💛 yellow_heart|黄心
💚 green_heart|绿心
💙 blue_heart|蓝心
💜 purple_heart|紫心
🖤 black_heart|黑心
💔 broken_heart|心碎
💕 two_hearts|两颗心
✨ sparkles|闪亮,星星
⭐ star|星
🔥 fire,hot|火,厉害
💯 hundred,perfect|满分,一百分
💥 boom|爆炸
💤 zzz|困了`,
  nature: `🐶 dog|狗
🐱 cat|猫
🐼 panda|熊猫
🐻 bear|熊
🐰 rabbit|兔子
🐯 tiger|老虎
🐷 pig|猪
🐸 frog|青蛙
🐙 octopus|章鱼
🦋 butterfly|蝴蝶
🌸 blossom,flower|花,樱花
🌹 rose|玫瑰
🌱 seedling|发芽
🍀 clover,luck|四叶草,好运
🌞 sun|太阳
🌙 moon|月亮
🌈 rainbow|彩虹
☔ rain,umbrella|下雨,雨伞
❄️ snow|雪`,
  food: `☕ coffee|咖啡
🍵 tea|茶
🧋 bubble_tea|奶茶
🍺 beer|啤酒
🍻 cheers|干杯
🥂 toast|碰杯
🍎 apple|苹果
🍉 watermelon,melon|西瓜,吃瓜
🍋 lemon|柠檬,酸了
🍕 pizza|披萨
🍜 noodles|面条,拉面
🍚 rice|米饭
🥟 dumpling|饺子
🍰 cake|蛋糕
🎂 birthday|生日,生日蛋糕`,
  things: `🎉 tada,party,congratulations|庆祝一下,恭喜,撒花
🎁 gift,present|礼物
🏆 trophy,winner|奖杯,冠军
🎵 music|音乐
📷 camera|相机,照片
💻 laptop,computer|电脑
📱 phone|手机
💡 idea,bulb|主意,灯泡
📌 pin|图钉,标记
📎 paperclip|回形针
✅ check,done|完成,对
❌ cross,wrong|错,叉
❓ question|问号,疑问
❗ exclamation|感叹号,注意
⚠️ warning|警告
🐛 bug|虫子,缺陷
🚀 rocket,ship_it|火箭,起飞
🚗 car|车
✈️ plane,flight|飞机
🏠 home,house|家
⏰ alarm,clock|闹钟,时间
📅 calendar,date|日历,日期
💰 money|钱,发财
🧧 red_envelope|红包
🇨🇳 china|中国`,
};

/** @type {[EmojiGroup, Emoji[]][]} */
export const EMOJI_GROUPS = /** @type {EmojiGroup[]} */ (Object.keys(SOURCE)).map((group) => [group, SOURCE[group].split('\n').map(read)]);

const ALL = EMOJI_GROUPS.flatMap(([, list]) => list);

/** @param {string} line @returns {Emoji} */
function read(line) {
  const [emoji = '', names = ''] = line.split(/ (.*)/s);
  const [en = '', zh = ''] = names.split('|');
  return { emoji, en: en.split(','), zh: zh.split(',') };
}

/**
 * What it is called, in the page's language.
 * @param {string} emoji
 */
export function nameOf(emoji) {
  const known = ALL.find((entry) => entry.emoji === emoji);
  if (known === undefined) return emoji;
  return (language === 'zh-CN' ? known.zh[0] : known.en[0]?.replaceAll('_', ' ')) ?? emoji;
}

/**
 * Those whose names begin with it, and then those whose names hold it; in any language.
 * @param {string} typed
 * @param {number} max
 * @returns {{ emoji: string, name: string }[]}
 */
export function findEmoji(typed, max) {
  const wanted = typed.toLowerCase();
  /** @type {{ emoji: string, name: string }[][]} */
  const found = [[], [], []];
  for (const { emoji, en, zh } of ALL) {
    const names = [...en, ...zh];
    const rank = names.includes(wanted) ? 0 : names.some((name) => name.startsWith(wanted)) ? 1 : names.some((name) => name.includes(wanted)) ? 2 : 3;
    const name = names.find((other) => (rank === 0 ? other === wanted : rank === 1 ? other.startsWith(wanted) : other.includes(wanted)));
    found[rank]?.push({ emoji, name: name ?? '' });
  }
  return found.flat().slice(0, max);
}

/** The emoji of exactly this name. @param {string} name @returns {string | null} */
export function emojiNamed(name) {
  const [first] = findEmoji(name, 1);
  return first !== undefined && first.name === name.toLowerCase() ? first.emoji : null;
}
