//! What administrators ask for, beside what they do to somebody by [`Act`](crate::protocol::moderation::Act): another name for
//! somebody, and invitations.

use super::super::field::{Field, Fields};
use super::super::{Code, Refusal};
use super::conversation::{Whom, whom};
use super::{name, string, whole, wrong};
use crate::account::Token;
use crate::limits::{INVITATION_DAYS, INVITATION_DAYS_MAX, INVITATION_USES, INVITATION_USES_MAX};

/// A request that only administrators may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrderRequest {
    /// Somebody is to be called differently.
    Rename { whom: Whom, to: String },
    /// A new invitation, for so many days and people. `token` is what it is shown by: made where the frame is read, so that a hub
    /// which is given the request again makes no other one.
    Invitation { days: u64, uses: u64, token: Token },
    /// Those that hold.
    Invitations,
    /// One is to hold no more.
    Revoke { number: i64 },
}

impl OrderRequest {
    /// None: it is none of these types.
    pub(super) fn parse(kind: &str, fields: &mut Fields) -> Option<Result<Self, Refusal>> {
        Some(match kind {
            "rename_person" => rename(fields),
            "invitation" => invitation(fields),
            "invitations" => Ok(Self::Invitations),
            "revoke" => whole("number", fields.number.take())
                .map(|number| Self::Revoke { number: number.cast_signed() }),
            _ => return None,
        })
    }
}

fn rename(fields: &mut Fields) -> Result<OrderRequest, Refusal> {
    Ok(OrderRequest::Rename { whom: whom(fields)?, to: name(&string("to", fields.to.take())?)? })
}

fn invitation(fields: &mut Fields) -> Result<OrderRequest, Refusal> {
    let days = within("days", fields.days.take(), INVITATION_DAYS, INVITATION_DAYS_MAX)?;
    let uses = within("uses", fields.uses.take(), INVITATION_USES, INVITATION_USES_MAX)?;
    let token = Token::random().map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        Refusal::internal()
    })?;
    Ok(OrderRequest::Invitation { days, uses, token })
}

/// From 1 to `max`; `otherwise` where the client does not say.
fn within(key: &str, field: Option<Field>, otherwise: u64, max: u64) -> Result<u64, Refusal> {
    match field {
        None => Ok(otherwise),
        Some(Field::Whole(number)) if (1..=max).contains(&number) => Ok(number),
        Some(Field::Whole(number)) => {
            let sentence = format!("`{key}` must be a whole number from 1 to {max}, not {number}.");
            Err(Refusal::new(Code::BadValue, sentence))
        }
        other => Err(wrong(key, &format!("a whole number from 1 to {max}"), other.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Envelope, Request};
    use super::*;

    fn request(frame: &str) -> OrderRequest {
        match Envelope::parse(frame).expect(frame).request {
            Request::Order(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn code(frame: &str) -> Code {
        Envelope::parse(frame).expect_err(frame).code
    }

    #[test]
    fn somebody_is_renamed_by_name_or_number_to_a_name_that_can_be_one() {
        let rename = |whom| OrderRequest::Rename { whom, to: "Bobby".into() };
        let by_name = request(r#"{"type":"rename_person","name":"Bob","to":" Bobby "}"#);
        assert_eq!(by_name, rename(Whom::Name("Bob".into())));
        assert_eq!(request(r#"{"type":"rename_person","person":9,"to":"Bobby"}"#), rename(Whom::Number(9)));
        for (frame, expected) in [
            (r#"{"type":"rename_person","name":"Bob"}"#, Code::BadValue),
            (r#"{"type":"rename_person","to":"Bobby"}"#, Code::BadValue),
            (r#"{"type":"rename_person","name":"Bob","to":7}"#, Code::BadValue),
            (r#"{"type":"rename_person","name":"Bob","to":" "}"#, Code::BadName),
            (r#"{"type":"rename_person","name":"Bob","to":"a\u202eb"}"#, Code::BadName),
        ] {
            assert_eq!(code(frame), expected, "{frame}");
        }
    }

    #[test]
    fn an_invitation_is_bounded_in_time_and_uses_and_no_two_have_one_token() {
        let invitation = |frame: &str| match request(frame) {
            OrderRequest::Invitation { days, uses, token } => (days, uses, token.to_text()),
            other => panic!("{other:?}"),
        };
        let (days, uses, token) = invitation(r#"{"type":"invitation"}"#);
        assert_eq!((days, uses), (INVITATION_DAYS, INVITATION_USES));
        let (days, uses, other) = invitation(r#"{"type":"invitation","days":365,"uses":1000}"#);
        assert_eq!((days, uses), (INVITATION_DAYS_MAX, INVITATION_USES_MAX));
        assert_ne!(token, other);
        for frame in [
            r#"{"type":"invitation","days":0}"#,
            r#"{"type":"invitation","days":366}"#,
            r#"{"type":"invitation","uses":0}"#,
            r#"{"type":"invitation","uses":1001}"#,
            r#"{"type":"invitation","uses":"1"}"#,
            r#"{"type":"invitation","days":null}"#,
            r#"{"type":"revoke"}"#,
            r#"{"type":"revoke","number":-1}"#,
        ] {
            assert_eq!(code(frame), Code::BadValue, "{frame}");
        }
        assert_eq!(request(r#"{"type":"revoke","number":3}"#), OrderRequest::Revoke { number: 3 });
    }
}
