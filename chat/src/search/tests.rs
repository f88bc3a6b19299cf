use proptest::prelude::*;

use super::fold::{Kind, Piece, pieces};
use super::*;
use crate::limits::{CONTEXT_BYTES_MAX, CONTEXT_CHARS_MAX, INDEXED_PIECES_MAX, SEARCH_PIECES_MAX};
use crate::{characters, markdown};

fn folded(text: &str) -> Vec<String> {
    pieces(text).into_iter().map(|piece| piece.text).collect()
}

/// Is a message of this text found by this query?
fn finds(query: &str, text: &str) -> bool {
    let query = Query::parse(query).expect(query);
    query.find(&markdown::plain(text)).is_some()
}

/// Would the index name a message of this text?
fn is_named(query: &Query, text: &str) -> bool {
    let terms = of_message(1, true, "Ann", text);
    let terms: Vec<&str> = terms.split(' ').collect();
    query.conditions().iter().all(|condition| terms.contains(&condition.trim_matches('"')))
}

#[test]
fn what_nobody_types_makes_no_difference() {
    for (one, other) in [
        ("Müller", "muller"),
        ("Mu\u{308}ller", "MÜLLER"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("Đặng", "dang"),
        ("Ærøskøbing", "aeroskobing"),
        ("İstanbul", "istanbul"),
        ("ısı", "isi"),
        ("Ἀλέξανδρος", "αλεξανδροσ"),
        ("ΟΔΟΣ", "οδος"),
        ("Алёна", "алена"),
        ("ﬁancé", "fiance"),
        ("Ｔｅａ", "tea"),
        ("ﾃﾞｰﾀ", "データ"),
        ("か\u{3099}", "が"),
        ("\u{1112}\u{1161}\u{11AB}", "한"),
        ("葛\u{E0100}城", "葛城"),
        ("Donau\u{AD}dampf", "donaudampf"),
        ("👍🏽", "👍"),
        ("❤️", "❤"),
    ] {
        assert_eq!(folded(one), folded(other), "{one} {other}");
    }
}

#[test]
fn what_makes_another_word_is_another_one() {
    for (one, other) in [("が", "か"), ("パ", "バ"), ("tea", "team"), ("👍", "👎"), ("한", "하"), ("कि", "क")]
    {
        assert_ne!(folded(one), folded(other), "{one} {other}");
    }
}

#[test]
fn a_text_is_cut_where_its_script_says() {
    for (text, expected) in [
        ("", &[][..]),
        ("Shall we, at 7?", &["shall", "we", "at", "7"][..]),
        ("用React写", &["用", "react", "写"]),
        ("お茶", &["お", "茶"]),
        ("foo_bar/baz", &["foo", "bar", "baz"]),
        ("किताब है", &["किताब", "है"]),
        ("ใจดี", &["ใ", "จ", "ดี"]),
        ("생일🎂!", &["생", "일", "🎂"]),
        ("1️⃣ 🇨🇳", &["1\u{20E3}", "🇨🇳"]),
        ("\u{E000}1 …→", &["1"]),
    ] {
        assert_eq!(folded(text), expected, "{text}");
    }
}

#[test]
fn messages_are_found_by_what_is_in_them() {
    for (query, text) in [
        ("茶", "喝茶吗"),
        ("喝茶", "一起喝茶吗"),
        ("茶吗", "一起喝茶吗"),
        ("喝茶吗", "一起喝茶吗"),
        ("muller", "Herr Müller kommt"),
        ("é", "e"),
        ("hel", "say hello"),
        ("he", "say hello"),
        ("hell", "say hello"),
        ("internationa", "internationalisation"),
        ("a", "it is a word"),
        ("say hel", "hello, I say"),
        ("\"we shall\"", "what we shall do"),
        ("“we shall”", "what we, shall"),
        ("\"we shall", "what we shall do"),
        ("茶 yesterday", "Yesterday: 茶"),
        ("用react", "我用React写"),
        ("写re", "写 React"),
        ("eight", "**ei**ght then"),
        ("茶叶", "**茶**叶"),
        ("then", "`then`"),
        ("nested", "- one\n  - nested"),
        ("one", "- one\n  - nested"),
        ("👍", "well done 👍🏽"),
        ("foo-bar", "foo/bar"),
        ("c++", "C is a language"),
        ("한국", "한국어"),
        (&"x".repeat(100), &"X".repeat(100)),
        (&"x".repeat(40), &"x".repeat(50)),
    ] {
        assert!(finds(query, text), "{query} in {text}");
        assert!(is_named(&Query::parse(query).expect(query), text), "{query} in the terms of {text}");
    }
}

#[test]
fn and_not_by_what_is_not() {
    for (query, text) in [
        ("喝茶", "喝了茶"),
        ("喝茶", "茶喝"),
        ("喝茶", "喝 茶"),
        ("喝茶吗", "喝茶。茶吗"),
        ("tea coffee", "teapot, coffee"),
        ("t", "teapot"),
        ("internationb", "internationalisation"),
        ("\"we shall\"", "shall we"),
        ("\"we sha\"", "we shall"),
        ("foo-bar", "bar foo"),
        ("hello there", "hello"),
        ("👍", "👎"),
        (&"x".repeat(50), &"x".repeat(40)),
    ] {
        assert!(!finds(query, text), "{query} in {text}");
    }
}

#[test]
fn a_query_is_words_or_says_why_not() {
    assert_eq!(Query::parse("  "), Ok(Query::default()));
    assert_eq!(Query::parse("?!"), Err(BadQuery::Nothing));
    assert_eq!(Query::parse(&"茶".repeat(SEARCH_PIECES_MAX + 1)), Err(BadQuery::TooMany));
    assert!(Query::parse(&"茶".repeat(SEARCH_PIECES_MAX)).is_ok());
}

#[test]
fn the_context_has_what_was_found_in_its_second_pieces() {
    let shown = |query: &str, text: &str| {
        let found = Query::parse(query).expect(query).find(text).expect("found");
        context(text, &found)
    };
    assert_eq!(shown("茶", "一起喝茶吗"), ["一起喝", "茶", "吗"]);
    assert_eq!(shown("muller", "Herr\n\n  MÜLLER  kommt"), ["Herr ", "MÜLLER", " kommt"]);
    assert_eq!(shown("喝茶 茶吗", "一起喝茶吗？喝茶"), ["一起", "喝茶吗", "？", "喝茶", ""]);
    assert_eq!(shown("", "all of it"), ["all of it"]);
    assert_eq!(shown("it", "all of it \n"), ["all of ", "it", ""]);
    let long = format!("{}needle{}", "before ".repeat(100), " after".repeat(100));
    let pieces = shown("needle", &long);
    assert_eq!((pieces.len(), pieces[1].as_str()), (3, "needle"));
    assert!(pieces[0].starts_with("…before "), "whole words: {pieces:?}");
    assert!(pieces[0].starts_with('…') && pieces[2].ends_with('…'), "{pieces:?}");
}

#[test]
fn terms_are_words_to_the_index() {
    let terms = of_message(7, true, "O'Brien & Söhne", "茶叶, #tea \"x\" AND (y) *");
    let beginnings = ["te", "tea", "an", "and"].map(|text| format!("\u{E002}{text}"));
    let of_all = [public_term(), room_term(7), sender_term("o'brien & SÖHNE")];
    let expected = ["tea", "x", "and", "y", "茶", "茶叶", "叶"].into_iter().map(str::to_owned);
    let expected: Vec<String> = expected.chain(beginnings).chain(of_all).collect();
    let terms: Vec<&str> = terms.split_whitespace().collect();
    assert_eq!(terms.len(), expected.len(), "{terms:?}");
    for term in expected {
        assert!(terms.contains(&term.as_str()), "{term}");
        assert!(term.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()), "{term}");
    }
}

/// What a message costs the index has a bound; the words of ordinary ones are all in it.
#[test]
fn a_long_message_has_a_limited_number_of_terms() {
    let han: String = ('\u{4E00}'..='\u{9FFF}').take(4_000).collect();
    let terms = of_message(1, true, "Ann", &han);
    assert_eq!(terms.split(' ').filter(|term| !term.is_empty()).count(), 2 * INDEXED_PIECES_MAX - 1 + 3);
    let words: Vec<String> = (0..INDEXED_PIECES_MAX).map(|number| format!("word{number}")).collect();
    let terms = format!(" {}", of_message(1, true, "Ann", &words.join(" ")));
    assert!(words.iter().all(|word| terms.contains(&format!(" {word} "))));
}

/// Texts of many scripts, with what is hard about them.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zA-Z]{1,6}",
        "[äöüéßŁøĐσΣёй]{1,4}",
        "[茶叶喝水日本語]{1,5}",
        "[ぁ-んァ-ンー]{1,4}",
        "[가-힣]{1,3}",
        "[ก-ฮะาิ]{1,4}",
        "[अ-हािी]{1,4}",
        "[0-9]{1,3}",
        prop_oneof![Just("👍🏽"), Just("👨‍👩‍👧"), Just("❤️"), Just("1️⃣"), Just("🇨🇳")].prop_map(str::to_owned),
        "\\PC{1,3}",
        "[*_`~>#\\[\\]()\"-]{1,3}",
    ];
    let space = prop_oneof![Just(""), Just(" "), Just("\n"), Just(", "), Just("。")];
    prop::collection::vec((word, space), 0..12)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, space)| [word, space.to_owned()]).collect())
}

proptest! {
    /// The index misses nothing: whatever a look at the text would find has all its conditions among the text's terms.
    #[test]
    fn the_index_names_every_message_that_a_look_at_it_would_find(text in text(), at in 0..100_usize, len in 1..8_usize, other in text()) {
        let plain = markdown::plain(&text);
        let part: String = plain.chars().skip(at % (plain.chars().count() + 1)).take(len).collect();
        for query in [part, other] {
            let Ok(query) = Query::parse(&query) else { continue };
            if query.find(&plain).is_some() {
                prop_assert!(is_named(&query, &text));
            }
        }
    }

    /// Terms, joined by AND: the index takes them as they are, and gives rows as it finds them.
    #[test]
    fn the_index_is_asked_for_whole_terms_alone(text in text()) {
        let conditions = Query::parse(&text).map(|query| query.conditions()).unwrap_or_default();
        for condition in conditions {
            let term = condition.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let is_term = term.is_some_and(|term| term.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()));
            prop_assert!(is_term, "{}", condition);
        }
    }

    /// Each word, and each pair of characters, is found where it stands.
    #[test]
    fn every_piece_of_a_text_finds_it(text in text()) {
        let plain = markdown::plain(&text);
        let pieces = pieces(&plain);
        for (at, piece) in pieces.iter().enumerate() {
            // What stands for several pieces is part of the words around it: of `¼a` the second one is `4a`.
            let overlaps = |other: &Piece| other != piece && other.range.start < piece.range.end && piece.range.start < other.range.end;
            if pieces.iter().any(overlaps) {
                continue;
            }
            let next = pieces.get(at + 1).filter(|next| {
                next.is_joined && next.kind == Kind::Character && piece.kind == Kind::Character
            });
            let end = next.map_or(piece.range.end, |next| next.range.end);
            let query = Query::parse(&format!("\"{}\"", &plain[piece.range.start..end])).expect("pieces");
            let found = query.find(&plain).expect("it is there");
            prop_assert!(found.iter().any(|range| range.start <= piece.range.start && end <= range.end));
            prop_assert!(is_named(&query, &text));
        }
    }

    /// Of characters without spaces it is what a search for a substring would find.
    #[test]
    fn characters_match_where_they_stand_together(text in "[茶叶喝水 。a]{0,12}", wanted in "[茶叶喝水]{1,3}") {
        prop_assert_eq!(finds(&wanted, &text), text.contains(&wanted));
    }

    #[test]
    fn words_match_whole(text in "[ab ]{0,12}", wanted in "[ab]{1,3}") {
        let is_word = text.split_whitespace().any(|word| word == wanted);
        prop_assert_eq!(finds(&format!("\"{wanted}\""), &text), is_word);
        let begins = text.split_whitespace().any(|word| word.starts_with(&wanted));
        prop_assert_eq!(finds(&wanted, &text), if wanted.len() == 1 { is_word } else { begins });
    }

    #[test]
    fn a_context_is_short_and_marks_what_was_found(text in text(), wanted in text()) {
        let Ok(query) = Query::parse(&wanted) else { return Ok(()) };
        let Some(found) = query.find(&text) else { return Ok(()) };
        let pieces = context(&text, &found);
        prop_assert_eq!(pieces.len() % 2, 1);
        let line = pieces.concat();
        prop_assert!(line.len() <= CONTEXT_BYTES_MAX + 6 && characters::count(&line) <= CONTEXT_CHARS_MAX + 2);
        prop_assert!(!line.contains('\n'));
        if !query.is_empty() {
            prop_assert!(pieces.len() > 1);
        }
    }
}
