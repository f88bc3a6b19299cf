//! What text is made of: how long it is for people, and which of its characters do what cannot be seen.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_script::{Script, ScriptExtension, UnicodeScript as _};
use unicode_security::skeleton;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::limits::MARKS_MAX;

/// The number of characters as people count them: grapheme clusters (UAX #29). A family of emoji is one, and so is a letter
/// with all its accents: a bound on bytes belongs to each bound on these.
pub(crate) fn count(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Is there anything to see in `text`?
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// A message without the control characters that mean nothing in it and much to a terminal; the ends of lines are LF. What
/// changes the direction of text stays: it belongs to some languages, and whoever shows a message keeps it inside of it.
pub(crate) fn without_controls(text: String) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return text;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Is every character of a name one that shows, or one that the characters beside it need?
pub(crate) fn are_fit_for_a_name(name: &str) -> bool {
    let mut before = None;
    let mut base = None;
    let mut marks = 0;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if !is_mark(c) && !is_invisible(c) {
            base = Some(c);
        } else if is_mark(c) && !is_selector(c) && !belongs_to(c, base) {
            return false;
        }
        if is_stacker(c) && !has_something_to_stack(c, rest.clone()) {
            return false;
        }
        marks = match c.general_category() {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark if !is_selector(c) => marks + 1,
            _ if is_invisible(c) => marks,
            _ => 0,
        };
        let begins_with_a_mark = marks > 0 && before.is_none_or(char::is_whitespace);
        if marks > MARKS_MAX || begins_with_a_mark || !is_fit(c, before, rest.peek().copied()) {
            return false;
        }
        before = Some(c);
    }
    true
}

fn is_fit(c: char, before: Option<char>, after: Option<char>) -> bool {
    match c {
        '\u{200C}' | '\u{200D}' => before.is_some_and(can_be_joined) && after.is_some_and(can_be_joined),
        '\u{E0020}'..='\u{E007F}' => before.is_some_and(|before| before == FLAG || is_tag(before)),
        _ if is_selector(c) => before.is_some_and(|before| {
            !before.is_ascii_alphabetic() && !before.is_whitespace() && !is_invisible(before)
        }),
        _ if is_invisible(c) => false,
        // Emoji are younger than any table; what else is not assigned may become anything.
        '\u{1F000}'..='\u{1FAFF}' => true,
        _ => !matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::Unassigned
        ),
    }
}

/// The black flag, which tags make one of a country's part.
const FLAG: char = '\u{1F3F4}';

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007F}')
}

/// Joiners are needed by emoji and by the scripts of Persian and India, and mean nothing between ASCII characters.
fn can_be_joined(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && (!is_invisible(c) || is_selector(c))
}

/// Chooses among the forms of the character before it, as for emoji and in Japanese names.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// May a mark stand on this character? One of a script may on what belongs to that script, too: on anything else it would be
/// drawn so badly, or not at all, that it tells nobody two names apart. An accent may stand on everything.
fn belongs_to(mark: char, base: Option<char>) -> bool {
    let Some(base) = base.map(|base| base.script_extension()) else { return false };
    if is_accent(mark) {
        return true;
    }
    let scripts = mark.script_extension();
    if scripts.is_common() || scripts.is_inherited() {
        // A note's stem and its flags.
        return base.is_common() && mark > '\u{FFFF}';
    }
    // The accents of the Vedas are said to be of Latin letters, too: scholars write them so, and no name has them.
    let is_vedic_on_latin = base == ScriptExtension::from(Script::Latin) && is_vedic(scripts);
    !base.is_common() && !base.is_inherited() && !is_vedic_on_latin && !base.intersection(scripts).is_empty()
}

/// A mark that is of no script in particular, or that Latin letters have: languages whose script is another one take some of
/// those, and Unicode's list of which ones do is never complete.
fn is_accent(mark: char) -> bool {
    let scripts = mark.script_extension();
    let is_general = scripts.is_common()
        || scripts.is_inherited()
        || (scripts.contains_script(Script::Latin) && !is_vedic(scripts));
    // Beyond the first plane such marks are those of music and of the disc of Phaistos. Two are Devanagari's, and out of use.
    is_general && mark <= '\u{FFFF}' && !matches!(mark, '\u{953}' | '\u{954}')
}

fn is_vedic(scripts: ScriptExtension) -> bool {
    scripts.contains_script(Script::Devanagari)
}

/// Has no ink of its own: it puts the next letter below the one before, or joins the two. (Those that Unicode calls "invisible
/// stackers", and two joiners; no property of the crates here has them.) Burmese and Khmer cannot be written without.
fn is_stacker(c: char) -> bool {
    matches!(
        c,
        '\u{1039}'
            | '\u{17D2}'
            | '\u{1A60}'
            | '\u{1BAB}'
            | '\u{2D7F}'
            | '\u{AAF6}'
            | '\u{10A3F}'
            | '\u{1107F}'
            | '\u{11133}'
            | '\u{113D0}'
            | '\u{1193E}'
            | '\u{11A47}'
            | '\u{11A99}'
            | '\u{11D45}'
            | '\u{11D97}'
            | '\u{11F42}'
    )
}

/// Is there a letter of its own script behind a stacker? Marks of the letter before it may come between: normal forms put
/// them there.
fn has_something_to_stack(stacker: char, mut rest: impl Iterator<Item = char>) -> bool {
    rest.find(|c| !is_mark(*c)).is_some_and(|next| belongs_to(stacker, Some(next)))
}

/// Takes no ink: joiners, selectors, fillers, marks of direction. A name of nothing else would look empty.
fn is_invisible(c: char) -> bool {
    !c.is_ascii() && (is_default_ignorable(c) || is_empty_place(c))
}

/// The property Default_Ignorable_Code_Point: a skeleton (UTS #39) leaves out these and nothing else.
fn is_default_ignorable(c: char) -> bool {
    skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

/// What no property tells: symbols, letters and marks that are drawn as nothing.
fn is_empty_place(c: char) -> bool {
    matches!(c,
        // Braille without a dot.
        '\u{2800}'
        // Anchors of annotations, and of an object that is not there.
        | '\u{FFF9}'..='\u{FFFC}'
        // How hieroglyphs are arranged, and the places that are left free between them.
        | '\u{13430}'..='\u{1343F}' | '\u{13441}' | '\u{13442}'
        // Khitan: fills the place of a component.
        | '\u{16FE4}'
        // A note without a head.
        | '\u{1D159}'
        // SignWriting: the spaces of a wall and of a floor.
        | '\u{1DA7F}' | '\u{1DA80}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_count_what_they_see() {
        for (text, expected) in [
            ("", 0),
            ("Ann", 3),
            ("李雷", 2),
            ("e\u{301}", 1),
            ("👩\u{200D}👩\u{200D}👧\u{200D}👦", 1),
            ("🇨🇳🇩🇪", 2),
            ("👍🏽", 1),
            ("한국", 2),
            ("\r\n", 1),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_every_script_are_fit() {
        for name in [
            "Ann",
            "Zoë O’Neill-Ćosić",
            "李雷",
            "葛\u{E0100}城",
            "やまだ たろう",
            "김철수",
            "Иван",
            "عبد الله",
            "علی\u{200C}رضا",
            "שָׁלוֹם",
            "श्री\u{200D}मान",
            "ประยุทธ์",
            "བསྒྲུབས",
            "Nguyễn Thị Hồng",
            "Nguye\u{302}\u{303}n",
            "Ọlá Ẹ\u{301}niọ\u{300}la\u{301} n\u{329}",
            "Māori Ŋũgĩ Łukasz Đặng",
            "李雷 Leo",
            "Leo李雷",
            "阿Ｑ2号",
            "कृष्ण कुमार",
            "श्रीनिवास",
            "नरेन्द्र मोदी",
            "महान्",
            "ज़ोया",
            "রবীন্দ্রনাথ ঠাকুর",
            "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
            "தமிழ்ச்செல்வன்",
            "శ్రీనివాస్",
            "ಕೃಷ್ಣ",
            "മോഹൻലാൽ",
            "චන්ද්\u{200D}රිකා",
            "สมชาย ใจดี",
            "น้ำผึ้ง",
            "กัญญาณัฐ",
            "ວຽງຈັນ",
            "مُحَمَّد",
            "محمّد بن سلمان",
            "آرش کمانگیر",
            "ـعـلـيـ",
            "مریم ۲",
            "דָּוִד בֶּן־גּוּרִיּוֹן",
            "רָחֵל",
            "אָברהם",
            "အောင်ဆန်းစုကြည်",
            "သန္တာ မြတ်နိုး",
            "ကင်္ဂ",
            "មករា ចន្ទ្រា",
            "សុខ សុវណ្ណារ៉ា",
            "តេជោ ហ៊ុន សែន",
            "བསྟན་འཛིན་རྒྱ་མཚོ",
            "ᨾᩮᩬᩥᨦ\u{1A60}ᨿ",
            "ꦗꦮ",
            "ሰላም",
            "ძია გიორგი",
            "Ἀλέξανδρος",
            "ა\u{304}ლა\u{302}",
            "ש\u{302}",
            "У\u{303}ткир Ю\u{306}рий",
            "アㇷ\u{309A} サ\u{305}",
            "अ॒ग्निमी॑ळे",
            "\u{1D158}\u{1D165} \u{266A}",
            "Алёна Й\u{306}",
            "か\u{3099}ん はﾞ",
            "ᠮᠣᠩᠭᠣᠯ",
            "ⵜⵉⴼⵉⵏⴰⵖ",
            "ދިވެހި",
            "ܫܠܡܐ",
            "👩\u{200D}💻",
            "❤\u{FE0F}\u{200D}🔥 1\u{FE0F}\u{20E3}",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "🧑🏽\u{200D}🚀 🇨🇳",
            "<b>Ann</b>",
            "__proto__",
        ] {
            assert!(are_fit_for_a_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_piles_up_is_not() {
        for name in [
            "a\nb",
            "a\u{0}b",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{202E}b",
            "a\u{2066}b",
            "a\u{200E}b",
            "a\u{061C}b",
            "An\u{200B}n",
            "An\u{200D}n",
            "Ann\u{200C}",
            "李\u{200D}",
            "Ann\u{FE0F}",
            "李\u{FE0F}\u{FE0F}",
            "An\u{AD}n",
            "An\u{34F}n",
            "An\u{2060}n",
            "Ann\u{FEFF}",
            "Ann\u{3164}",
            "Ann\u{115F}",
            "Ann\u{FFA0}",
            "Ann\u{2800}",
            "Ann\u{1D159}",
            "A\u{1D159}nn",
            "李\u{1D159}雷",
            "Ann\u{13441}",
            "Ann\u{13442}",
            "Ann\u{13430}",
            "Ann\u{16FE4}",
            "Ann\u{1DA7F}",
            "Ann\u{FFFC}",
            "Ann\u{FFF9}",
            "Ann\u{2065}",
            "Ann\u{2D7F}",
            "ⵜ\u{2D7F}",
            "Ann\u{1107F}",
            "Ann\u{1039}",
            "အောင်\u{1039}",
            "အောင်\u{1039} a",
            "Ann\u{17D2}",
            "សុខ\u{17D2}",
            "សុខ\u{17D2}a",
            "An\u{17D2}ខ",
            "Ann\u{1A60}",
            "Ann\u{11F42}",
            "Ann\u{951}",
            "Ann\u{952}",
            "Ann\u{20F0}",
            "Ann\u{1CD0}",
            "Ann\u{953}",
            "आ\u{954}",
            "Ann\u{101FD}",
            "Ann\u{1CF00}",
            "Ann\u{1D165}",
            "Ann\u{1D167}",
            "Ann\u{1DFA}",
            "Ann\u{94D}",
            "Ann\u{93F}",
            "Ann\u{E38}",
            "Ann\u{64B}",
            "Ann\u{5B0}",
            "Аnn\u{64E}",
            "李\u{94D}",
            "7\u{17D2}",
            "Ann\u{1DAA1}",
            "Ann\u{13440}",
            "Ann\u{16F8F}",
            "\u{93F}Ann",
            "Ann\u{E0041}",
            "Ann\u{E0001}",
            "Ann\u{E000}",
            "Ann\u{FFFF}",
            "Ann\u{378}",
            "\u{301}Ann",
            "Ann \u{301}",
            "A\u{301}\u{302}\u{303}\u{304}\u{305}",
            "A\u{301}\u{200D}\u{302}\u{303}\u{304}\u{305}",
        ] {
            assert!(!are_fit_for_a_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_message_keeps_its_lines_and_loses_what_moves_a_terminal() {
        let cleaned = |text: &str| without_controls(text.to_owned());
        assert_eq!(cleaned("a\tb\nc"), "a\tb\nc");
        assert_eq!(cleaned("a\r\nb\rc"), "a\nb\nc");
        assert_eq!(cleaned("\u{1b}[31mred\u{0}\u{7f}\u{9b}1m"), "[31mred1m");
        let arabic = "\u{202B}سلام\u{202C} שלום \u{2067}x\u{2069}";
        assert_eq!(cleaned(arabic), arabic);
    }
}
