//! Requests of administrators on their way to the hub. Their kinds are 63 to 69.

use super::conversation::{put_whom, whom};
use crate::account::Token;
use crate::binary::{Input, Output};
use crate::protocol::request::OrderRequest;

const RENAME_PERSON: u8 = 63;
const INVITATION: u8 = 64;
const INVITATIONS: u8 = 65;
const REVOKE: u8 = 66;

/// Bytes of an invitation's kind, days and uses: what the client has said. Its token comes after them.
const INVITATION_ASKED_BYTES: usize = 1 + 8 + 8;

/// Does this version of the program write it?
pub(super) fn is_known(kind: u8) -> bool {
    (RENAME_PERSON..=REVOKE).contains(&kind)
}

/// As much of a request as the client has said: the same for one that is read a second time.
pub(super) fn as_asked(kind: u8, kind_and_fields: &[u8]) -> &[u8] {
    match kind {
        INVITATION => kind_and_fields.get(..INVITATION_ASKED_BYTES).unwrap_or(kind_and_fields),
        _ => kind_and_fields,
    }
}

pub(super) fn put(out: &mut Output, request: &OrderRequest) {
    match request {
        OrderRequest::Rename { whom, to } => {
            out.byte(RENAME_PERSON);
            put_whom(out, whom);
            out.short_text(to);
        }
        OrderRequest::Invitation { days, uses, token } => {
            out.byte(INVITATION);
            out.number(*days);
            out.number(*uses);
            out.bytes(token.as_bytes());
        }
        OrderRequest::Invitations => out.byte(INVITATIONS),
        OrderRequest::Revoke { number } => {
            out.byte(REVOKE);
            out.number(number.cast_unsigned());
        }
    }
}

pub(super) fn take(kind: u8, input: &mut Input<'_>) -> Option<OrderRequest> {
    Some(match kind {
        RENAME_PERSON => OrderRequest::Rename { whom: whom(input)?, to: input.short_text()?.to_owned() },
        INVITATION => OrderRequest::Invitation {
            days: input.number()?,
            uses: input.number()?,
            token: Token::from_bytes(input.bytes()?)?,
        },
        INVITATIONS => OrderRequest::Invitations,
        REVOKE => OrderRequest::Revoke { number: input.number()?.cast_signed() },
        _ => return None,
    })
}
