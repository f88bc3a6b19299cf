//! Offers and answers (§5, §7.1).

use super::*;
use crate::handshake::{ClientError, ClientHandshake, HeadLimits, Request};

const TAKES_OVER: ServerSettings = ServerSettings {
    server_context_takeover: true,
    client_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

fn request(values: &[&str]) -> Vec<u8> {
    let mut client = ClientHandshake::new("h", "/", [7; 16]);
    for value in values {
        client = client.header("Sec-WebSocket-Extensions", value);
    }
    client.request()
}

fn agreement(values: &[&str], settings: &ServerSettings) -> Option<Agreement> {
    let request = request(values);
    let request = Request::parse(&request, &HeadLimits::default()).unwrap().unwrap();
    request.upgrade().unwrap().deflate(settings)
}

/// What the server answers.
fn answer(value: &str, settings: &ServerSettings) -> Option<String> {
    agreement(&[value], settings).map(|agreement| agreement.header_value())
}

#[test]
fn offers_are_answered() {
    const PLAIN: &str = "permessage-deflate";
    for (offer, expected) in [
        (PLAIN, PLAIN),
        ("PerMessage-Deflate", PLAIN),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
        ("permessage-deflate;client_no_context_takeover", "permessage-deflate; client_no_context_takeover"),
        ("permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            "permessage-deflate; server_max_window_bits=10",
        ),
        ("permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8"),
        ("permessage-deflate; client_max_window_bits", PLAIN),
        ("permessage-deflate; client_max_window_bits=15", PLAIN),
        ("permessage-deflate; client_max_window_bits=\"8\"", "permessage-deflate; client_max_window_bits=8"),
        (
            "permessage-deflate ; client_max_window_bits = 9 ; server_max_window_bits=\"\\1\\2\" ; \
             client_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=12; client_max_window_bits=9",
        ),
    ] {
        assert_eq!(answer(offer, &TAKES_OVER).as_deref(), Some(expected), "{offer}");
    }
}

#[test]
fn a_server_asks_for_what_it_wants_as_far_as_it_may() {
    let settings = ServerSettings {
        server_context_takeover: false,
        client_context_takeover: false,
        server_max_window_bits: 11,
        client_max_window_bits: 10,
    };
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for (offer, expected) in [
        ("permessage-deflate", "; server_max_window_bits=11"),
        (
            "permessage-deflate; client_max_window_bits",
            "; server_max_window_bits=11; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
            "; server_max_window_bits=9; client_max_window_bits=9",
        ),
        ("permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=11"),
    ] {
        assert_eq!(answer(offer, &settings), Some(format!("{both}{expected}")), "{offer}");
    }
    let default = answer("permessage-deflate; client_max_window_bits", &ServerSettings::default());
    assert_eq!(default.as_deref(), Some(both));
}

#[test]
fn offers_that_are_not_as_they_should_be_are_passed_over() {
    for wrong in [
        "x-webkit-deflate-frame",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    ] {
        assert_eq!(answer(wrong, &TAKES_OVER), None, "{wrong}");
        // The next one is taken, in the same field or in another one.
        let good = "permessage-deflate; server_max_window_bits=12";
        let one = format!("{wrong}, {good}, permessage-deflate");
        for values in [&[&one[..]][..], &[wrong, good], &["foo; bar=1", wrong, good]] {
            let agreement = agreement(values, &TAKES_OVER).unwrap();
            assert_eq!(agreement.header_value(), good, "{values:?}");
        }
    }
}

#[test]
fn a_field_that_is_no_list_of_extensions_is_refused() {
    for wrong in
        ["permessage-deflate;", "permessage-deflate; =1", "a b", "\"permessage-deflate\"", "a; b=\"c"]
    {
        let request = request(&[wrong]);
        let request = Request::parse(&request, &HeadLimits::default()).unwrap().unwrap();
        assert_eq!(request.upgrade().unwrap_err().status, 400, "{wrong}");
    }
}

/// What the client makes of an answer to its offer.
fn answered(offer: Option<Offer>, answers: &[&str]) -> Result<Option<Parameters>, ClientError> {
    let mut client = ClientHandshake::new("h", "/", [7; 16]);
    if let Some(offer) = offer {
        client = client.deflate(offer);
    }
    let request = client.request();
    let request = Request::parse(&request, &HeadLimits::default()).unwrap().unwrap();
    let mut response = Vec::new();
    request.upgrade().unwrap().accept(None, None, &[], &mut response).unwrap();
    response.truncate(response.len() - 2);
    for answer in answers {
        response.extend_from_slice(format!("Sec-WebSocket-Extensions: {answer}\r\n").as_bytes());
    }
    response.extend_from_slice(b"\r\n");
    client.receive(&response).map(|accepted| accepted.unwrap().deflate)
}

fn bits(server: Option<u8>, client: Option<u8>) -> Option<Offer> {
    Some(Offer { server_max_window_bits: server, client_max_window_bits: client, ..Offer::default() })
}

#[test]
fn a_client_takes_what_answers_its_offer() {
    let all = Parameters { server_max_window_bits: 10, client_max_window_bits: 9, ..ALONE };
    for (offer, answer, expected) in [
        (bits(None, None), "permessage-deflate", TAKING_OVER),
        (
            bits(None, None),
            "PERMESSAGE-DEFLATE; Server_No_Context_Takeover; client_no_context_takeover",
            ALONE,
        ),
        (
            bits(None, None),
            "permessage-deflate; server_max_window_bits=9",
            Parameters { server_max_window_bits: 9, ..TAKING_OVER },
        ),
        (
            bits(Some(12), Some(15)),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=\"10\"; client_max_window_bits=9",
            all,
        ),
        (
            bits(None, Some(11)),
            "permessage-deflate",
            Parameters { client_max_window_bits: 11, ..TAKING_OVER },
        ),
        (
            Some(Offer { client_no_context_takeover: true, ..Offer::default() }),
            "permessage-deflate",
            Parameters { client_no_context_takeover: true, ..TAKING_OVER },
        ),
    ] {
        assert_eq!(answered(offer, &[answer]), Ok(Some(expected)), "{answer}");
    }
    assert_eq!(answered(bits(Some(9), None), &[]), Ok(None), "the server does not compress");
}

#[test]
fn a_client_refuses_what_does_not_answer_its_offer() {
    let no_takeover = Some(Offer { server_no_context_takeover: true, ..Offer::default() });
    for (offer, answers) in [
        (None, &["permessage-deflate"][..]),
        (bits(None, None), &["x"]),
        (bits(None, None), &["permessage-deflate, permessage-deflate"]),
        (bits(None, None), &["permessage-deflate", "permessage-deflate"]),
        (bits(None, None), &["permessage-deflate;"]),
        (bits(None, None), &["permessage-deflate; unknown"]),
        (bits(None, None), &["permessage-deflate; client_no_context_takeover; client_no_context_takeover"]),
        (bits(None, None), &["permessage-deflate; server_no_context_takeover=1"]),
        (bits(None, None), &["permessage-deflate; client_max_window_bits=15"]),
        (bits(None, Some(15)), &["permessage-deflate; client_max_window_bits"]),
        (bits(None, Some(15)), &["permessage-deflate; client_max_window_bits=7"]),
        (bits(None, Some(10)), &["permessage-deflate; client_max_window_bits=11"]),
        (bits(Some(10), None), &["permessage-deflate"]),
        (bits(Some(10), None), &["permessage-deflate; server_max_window_bits"]),
        (bits(Some(10), None), &["permessage-deflate; server_max_window_bits=11"]),
        (bits(None, None), &["permessage-deflate; server_max_window_bits=16"]),
        (no_takeover, &["permessage-deflate"]),
    ] {
        let refused = answered(offer, answers);
        assert!(matches!(refused, Err(ClientError::Mismatch { .. })), "{answers:?}: {refused:?}");
    }
}
