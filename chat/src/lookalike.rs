//! When two names look the same: Unicode's skeletons of confusable text (UTS #39), whatever the case of the letters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

/// The keys of a name, at most four, most often one: names that share one could be taken for each other.
///
/// Letters can look alike as they are written (`lvan` and `Ivan`) or in another case (`ivan` and `Ivan`), and which ones do
/// differs between the cases: keys are made from the name as it is, and from its small letters. They can also look like what
/// they are not equivalent to (`ſ` like `f`, though it is an `s`): so keys are made from the name before the compatibility
/// mapping, and after it.
pub(crate) fn keys(name: &str) -> Vec<String> {
    let mapped: String = name.nfkc().collect();
    let mut keys = vec![look(&look(&mapped)), look(&small(&mapped))];
    if mapped != name {
        let lowered: String = name.chars().flat_map(char::to_lowercase).collect();
        keys.extend([look(&look(name)), look(&lowered)]);
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn look(text: &str) -> String {
    small(&skeleton(text).collect::<String>())
}

/// In small letters, which lose the dot that they show anyway: `i` and `i` with a dot above are drawn the same.
fn small(text: &str) -> String {
    let mut small = String::with_capacity(text.len());
    for c in text.nfkc().flat_map(char::to_lowercase).nfkc() {
        if !(c == DOT_ABOVE && small.ends_with(['i', 'j'])) {
            small.push(c);
        }
    }
    small
}

const DOT_ABOVE: char = '\u{307}';

#[cfg(test)]
mod tests {
    use super::*;

    fn look_alike(one: &str, other: &str) -> bool {
        keys(one).iter().any(|key| keys(other).contains(key))
    }

    #[test]
    fn imitations_share_a_key_with_what_they_imitate() {
        for (name, imitation) in [
            ("Ann", "Аnn"),
            ("Ann", "ann"),
            ("Ann", "ANN"),
            ("Ann", "АNN"),
            ("Ann", "Ａｎｎ"),
            ("Ann", "𝐀𝐧𝐧"),
            ("Ann", "Аոո"),
            ("Ivan", "lvan"),
            ("Ivan", "ivan"),
            ("Ivan", "1van"),
            ("Bob", "B0b"),
            ("paypal", "раураl"),
            ("Tom", "Torn"),
            ("NIKE", "ΝΙΚΕ"),
            ("ИВАН", "ИBAH"),
            ("José", "Jose\u{301}"),
            ("ロ", "口"),
            ("二郎", "ニ郎"),
            ("葛城", "葛\u{E0100}城"),
            ("fred", "ſred"),
            ("Fred", "ſRED"),
            ("sun", "ſun"),
            ("O'Neil", "O´Neil"),
            ("o'neil", "O\u{1FFD}NEIL"),
            ("O'Neil", "O’Neil"),
            ("ivan", "i\u{307}van"),
            ("istanbul", "İstanbul"),
            ("👩\u{200D}💻", "👩💻"),
            ("علیرضا", "علی\u{200C}رضا"),
        ] {
            assert!(
                look_alike(name, imitation),
                "{name:?} {imitation:?}: {:?} {:?}",
                keys(name),
                keys(imitation)
            );
        }
    }

    #[test]
    fn names_that_differ_for_people_have_no_key_in_common() {
        for (one, other) in [
            ("Ann", "Anna"),
            ("Ann", "Án"),
            ("Jose", "José"),
            ("李雷", "李磊"),
            ("王小明", "王小朋"),
            ("김철수", "김철호"),
            ("やまだ", "やまた"),
            ("👩\u{200D}💻", "👨\u{200D}💻"),
            ("Иван", "Иvан Петров"),
            ("Eli", "Elia"),
            ("fred", "sred"),
            ("Zo", "Żo"),
            ("½ pint", "½ pinta"),
            ("ivan", "lvan"),
        ] {
            assert!(!look_alike(one, other), "{one:?} {other:?}: {:?} {:?}", keys(one), keys(other));
        }
    }
}
