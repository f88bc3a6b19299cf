//! What an `authorize` hook decides.

use bytes::Bytes;

/// Whether a client may connect, and as what.
#[derive(Debug)]
pub struct Decision(pub(crate) Verdict);

#[derive(Debug)]
pub(crate) enum Verdict {
    Accept(Accept),
    Reject { status: u16, headers: Vec<(String, String)>, body: Bytes },
}

#[derive(Debug, Default)]
pub(crate) struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user: Option<String>,
    pub(crate) session: Bytes,
}

impl Decision {
    /// Lets the client in. The methods of the same object say more.
    pub fn accept() -> Decision {
        Decision(Verdict::Accept(Accept::default()))
    }

    /// Refuses with an HTTP status and a body of plain text. The status is one of 300–599; any other would not refuse,
    /// and becomes 500.
    pub fn reject(status: u16, body: impl Into<Bytes>) -> Decision {
        let status = if (300..=599).contains(&status) { status } else { 500 };
        Decision(Verdict::Reject { status, headers: Vec::new(), body: body.into() })
    }

    /// Chooses one of the subprotocols that the client offered; a name that it did not offer is an error of the
    /// program and answers the client with 500.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Decision {
        if let Verdict::Accept(accept) = &mut self.0 {
            accept.subprotocol = Some(name.into());
        }
        self
    }

    /// Adds a header field to the response.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Decision {
        match &mut self.0 {
            Verdict::Accept(Accept { headers, .. }) | Verdict::Reject { headers, .. } => {
                headers.push((name.into(), value.into()));
            }
        }
        self
    }

    /// Binds the connection to a user before it opens, as [`Handle::bind`](crate::Handle::bind) does.
    pub fn user(mut self, name: impl Into<String>) -> Decision {
        if let Verdict::Accept(accept) = &mut self.0 {
            accept.user = Some(name.into());
        }
        self
    }

    /// Sets the connection's session bytes before it opens.
    pub fn session(mut self, session: impl Into<Bytes>) -> Decision {
        if let Verdict::Accept(accept) = &mut self.0 {
            accept.session = session.into();
        }
        self
    }
}
