//! When two names look the same: Unicode's skeletons of confusable text (UTS #39), whatever the case of the letters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

/// The keys of a name, one or two: names that share one could be taken for each other.
///
/// Letters can look alike as they are written (`lvan` and `Ivan`) or in another case (`ivan` and `Ivan`), and which ones do
/// differs between the cases: one key is made from the name as it is, the other one from its small letters.
pub(crate) fn keys(name: &str) -> Vec<String> {
    let name: String = name.nfkc().collect();
    let as_written = small(&skeleton(&small(&skeleton(&name).collect::<String>())).collect::<String>());
    let in_small = small(&skeleton(&small(&name)).collect::<String>());
    match as_written == in_small {
        true => vec![as_written],
        false => vec![as_written, in_small],
    }
}

fn small(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

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
            ("ivan", "lvan"),
        ] {
            assert!(!look_alike(one, other), "{one:?} {other:?}: {:?} {:?}", keys(one), keys(other));
        }
    }
}
