use super::*;
use crate::limits::{TEXT_BYTES_MAX, TEXT_CHARS_MAX};

fn link(url: &str, text: &str) -> String {
    format!(r#"<a href="{url}" rel="noopener noreferrer nofollow" target="_blank">{text}</a>"#)
}

fn html(text: &str) -> String {
    to_html(text).unwrap_or_else(|| panic!("nothing for {text:?}"))
}

#[test]
fn the_small_markdown() {
    for (text, expected) in [
        ("**bold** and *italic*", "<p><strong>bold</strong> and <em>italic</em></p>"),
        ("~~gone~~", "<p><del>gone</del></p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("```rust\nlet x = 1;\n\n# no heading\n```", "<pre><code>let x = 1;\n\n# no heading\n</code></pre>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a\n4. b", "<ol start=\"3\"><li>a</li><li>b</li></ol>"),
        ("> said\n\nanswer", "<blockquote><p>said</p></blockquote><p>answer</p>"),
        ("**a**\nb\n\nc", "<p><strong>a</strong><br>b</p><p>c</p>"),
        ("你好**世界**", "<p>你好<strong>世界</strong></p>"),
    ] {
        assert_eq!(html(text), expected, "{text:?}");
    }
}

#[test]
fn links_lead_to_the_web_and_to_mail_alone() {
    assert_eq!(
        html("[x](https://a.b/?q=1&r=\"2\")"),
        format!("<p>{}</p>", link("https://a.b/?q=1&amp;r=&quot;2&quot;", "x"))
    );
    assert_eq!(
        html("<ann@example.com>"),
        format!("<p>{}</p>", link("mailto:ann@example.com", "ann@example.com"))
    );
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//a.b",
        "/x",
        "ftp://a.b",
        "java&#115;cript:x",
        "vbscript:x",
        "file:///etc",
    ] {
        let text = format!("**b** [x]({url})");
        let html = html(&text);
        assert!(!html.contains("<a"), "{html}");
        assert!(html.contains("[x]("), "as it was typed: {html}");
    }
}

#[test]
fn an_address_that_stands_by_itself_is_a_link() {
    for (text, before, url, after) in [
        ("see https://a.b/c_d_e, ok", "see ", "https://a.b/c_d_e", ", ok"),
        ("(http://a.b/x_(y))", "(", "http://a.b/x_(y)", ")"),
        ("看https://a.b吧", "看", "https://a.b", "吧"),
        ("看https://zh.wikipedia.org/wiki/中文。好", "看", "https://zh.wikipedia.org/wiki/中文", "。好"),
        ("HTTPS://A.B!", "", "HTTPS://A.B", "!"),
    ] {
        assert_eq!(html(text), format!("<p>{before}{}{after}</p>", link(url, url)), "{text:?}");
    }
    for text in
        ["://", "http://", "https:// x", "xhttps://a.b", "javascript://%0aalert(1)", "http://.", "a://b"]
    {
        assert_eq!(to_html(text), None, "{text:?}");
    }
    assert_eq!(html("`https://a.b`"), "<p><code>https://a.b</code></p>");
}

#[test]
fn everything_else_is_shown_as_it_was_typed() {
    for text in [
        "hi",
        "# heading",
        "a\n===",
        "a\n---",
        "---",
        "![picture](https://a.b/c.png \"t\")".split_at(1).0,
        "<b>bold</b>",
        "<script>alert(1)</script>",
        "a < b & c > d",
        "&amp; &lt;",
        "| a | b |\n|---|---|",
        "[x]: https://a.b",
        "好的~哈~",
        "5 * 3 * 2",
        "a_b_c",
        "¯\\_(ツ)_/¯",
        "[^1]",
        "- ".trim(),
        "1.5",
        "",
    ] {
        assert_eq!(to_html(text), None, "{text:?}");
    }
    assert_eq!(html("**x** <i>y</i> &amp;"), "<p><strong>x</strong> &lt;i&gt;y&lt;/i&gt; &amp;amp;</p>");
    assert_eq!(
        html("**x**\n\n# y\n\n<div>\nz\n</div>"),
        "<p><strong>x</strong></p><p># y</p>&lt;div&gt;\nz\n&lt;/div&gt;"
            .replace("&lt;div&gt;\nz\n&lt;/div&gt;", "<p>&lt;div&gt;<br>z<br>&lt;/div&gt;</p>")
    );
    assert_eq!(
        html("**x** ![a](https://a.b)").matches("<a").count(),
        1,
        "an address is one wherever it stands"
    );
}

#[test]
fn what_answers_show_is_short_plain_and_on_one_line() {
    assert_eq!(quote("**bold**\n\n- a\n- `b`"), "bold a b");
    assert_eq!(quote("  as\n typed # x "), "as typed # x");
    assert_eq!(quote(&"李".repeat(300)).chars().count(), QUOTE_CHARS_MAX);
    assert!(quote(&"👨‍👩‍👧‍👦".repeat(300)).len() <= QUOTE_BYTES_MAX);
    assert_eq!(quote(&"a".repeat(TEXT_CHARS_MAX)).len(), QUOTE_CHARS_MAX);
}

#[test]
fn the_longest_texts_have_a_bounded_answer_of_balanced_elements() {
    for piece in [
        ">",
        "> ",
        "- ",
        "*a*",
        "**",
        "[",
        "![",
        "[a](https://b)",
        "`",
        "<a ",
        "&",
        "\"",
        "1. ",
        "\t",
        "~~a~~",
        "https://a.b ",
        "> - ",
        "_",
        "*_",
    ] {
        let text = piece.repeat(TEXT_BYTES_MAX / piece.len());
        if let Some(html) = to_html(&text) {
            assert!(html.len() <= HTML_BYTES_MAX, "{piece:?}: {}", html.len());
            let deepest = html.split('<').skip(1).fold((0_i32, 0_i32), |(depth, most), tag| {
                let depth = depth + if tag.starts_with('/') { -1 } else { i32::from(!tag.starts_with("br")) };
                (depth, most.max(depth))
            });
            assert_eq!(deepest.0, 0, "{piece:?}");
            assert!(deepest.1 <= 2 * MARKDOWN_DEPTH_MAX as i32 + 3, "{piece:?}: {deepest:?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_its_elements_are_those_of_the_list(text in "[*_~`<>\\[\\]()!#>\\- \n\ta-c\"'&:/.\\\\1李]{0,200}") {
        let html = to_html(&text).unwrap_or_default();
        for tag in html.split('<').skip(1) {
            let end = tag.find('>').expect("an end");
            let is_known = matches!(
                &tag[..end],
                "p" | "/p" | "br" | "strong" | "/strong" | "em" | "/em" | "del" | "/del" | "code" | "/code" | "pre" | "/pre"
                    | "blockquote" | "/blockquote" | "ul" | "/ul" | "ol" | "/ol" | "li" | "/li" | "/a"
            ) || tag.starts_with("a href=\"http") || tag.starts_with("a href=\"mailto:") || tag.starts_with("ol start=\"");
            proptest::prop_assert!(is_known, "{html}");
        }
        proptest::prop_assert!(quote(&text).len() <= QUOTE_BYTES_MAX);
    }
}
