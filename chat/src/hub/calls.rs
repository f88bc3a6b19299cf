//! What workers ask of people: the hub is the only one that writes, so it decides. Each call is answered once what it has
//! changed is stored.

use std::net::IpAddr;

use tokio::time::Instant;

use super::effect::Effect;
use super::outbox::{Outbox, Outgoing};
use super::people::Client;
use super::{Hub, now_ms};
use crate::account::call::{Answer, Call};
use crate::account::{Identity, Login, Profile, Role, TokenHash};
use crate::close::Farewell;
use crate::protocol::{Code, Refusal};
use crate::store::{NewSession, Obstacle, StoreError};

impl<O: Outbox> Hub<O> {
    /// `from`: the worker's number.
    pub(super) async fn called(&mut self, from: u16, bytes: &[u8]) {
        let Some((key, call)) = Call::decode(bytes) else {
            tracing::warn!("a call from another version of the program was dropped");
            return;
        };
        let answer = self.serve(call).unwrap_or_else(|refusal| Answer::Refused {
            status: refusal.code.status(),
            retry_after_ms: refusal.retry_after_ms.unwrap_or(0),
            body: refusal.to_json(),
        });
        self.settle().await;
        self.outbox.answer(from, answer.encode(key).into());
    }

    fn serve(&mut self, call: Call) -> Result<Answer, Refusal> {
        let now_ms = now_ms();
        match call {
            Call::Enter { name, agent, token, replaces, address, invitation } => {
                if let Some(known) = self.known(&token, now_ms)? {
                    return Ok(Answer::Somebody(known));
                }
                let session = NewSession { token: &token, agent: &agent, now_ms };
                self.enter_as_guest(&name, session, replaces, (address, invitation))
            }
            Call::Account { name, address } => {
                let account = self.writer.find_account(&name).map_err(unreadable)?;
                let number = account.as_ref().map_or(0, |account| account.id);
                self.attempts.admit(number, &name, address, Instant::now())?;
                Ok(of_account(account))
            }
            Call::Own { token, address } => {
                let (_, identity) = self.session(&token, now_ms)?;
                if identity.password.is_some() {
                    self.attempts.admit(identity.id, "", address, Instant::now())?;
                }
                Ok(of_account(Some(identity)))
            }
            Call::SignIn { person, password, agent, token, replaces, address } => {
                if let Some(known) = self.known(&token, now_ms)? {
                    return Ok(Answer::Somebody(known));
                }
                self.attempts.forgive(person, address);
                let session = NewSession { token: &token, agent: &agent, now_ms };
                self.sign_in(person, &password, session, replaces)
            }
            Call::SetPassword { token, before, password, next } => {
                if let Some(known) = self.known(&next, now_ms)? {
                    return Ok(Answer::Somebody(known));
                }
                self.set_password(&token, (before.as_deref(), &password), &next, now_ms)
            }
            Call::SignOut { token, everywhere } => self.sign_out(&token, everywhere, now_ms),
            Call::EndSession { token, session } => self.end_session(&token, session, now_ms),
        }
    }

    /// `invitation`: of whoever comes by one; where guests may come nobody's is spent.
    fn enter_as_guest(
        &mut self,
        name: &str,
        session: NewSession<'_>,
        replaces: Option<TokenHash>,
        (address, invitation): (Option<IpAddr>, Option<TokenHash>),
    ) -> Result<Answer, Refusal> {
        let now_ms = session.now_ms;
        let invitation = invitation.filter(|_| !self.are_guests_allowed);
        let is_counted = !self.is_guest(replaces.as_ref(), now_ms)?;
        if !self.are_guests_allowed {
            self.check_invitation(invitation.as_ref(), is_counted, address, now_ms)?;
        }
        self.attempts.admit_guest(address, Instant::now())?;
        self.check_name(name, None, None, now_ms)?;
        self.replace(replaces, now_ms)?;
        let spent = invitation.as_ref().filter(|_| is_counted);
        let identity = checked(self.writer.add_guest(name, session, spent))?;
        self.note_name(name, now_ms);
        Ok(Answer::Somebody((&identity).into()))
    }

    fn sign_in(
        &mut self,
        person: i64,
        password: &str,
        session: NewSession<'_>,
        replaces: Option<TokenHash>,
    ) -> Result<Answer, Refusal> {
        let known = self.writer.identity(person).map_err(unreadable)?;
        if known.is_some_and(|identity| identity.is_banned) {
            return Err(Refusal::banned());
        }
        let identity = checked(self.writer.sign_in(person, password, session))?;
        self.replace(replaces, session.now_ms)?;
        Ok(Answer::Somebody((&identity).into()))
    }

    /// Is it a guest's session? Who comes anew in the place of the guest that they are is not one more, so they take no use of their
    /// invitation: a link that is followed twice, a form that is sent again. Who has been silenced does not get around that for nothing.
    fn is_guest(&self, session: Option<&TokenHash>, now_ms: u64) -> Result<bool, Refusal> {
        let Some(token) = session else { return Ok(false) };
        let Some(login) = self.writer.find_login(token, now_ms).map_err(unreadable)? else {
            return Ok(false);
        };
        let identity = self.writer.identity(login.person).map_err(unreadable)?;
        Ok(identity.is_some_and(|identity| identity.role == Role::Guest && identity.muted_until_ms <= now_ms))
    }

    /// Guests may not come, but for those who are invited. `is_counted`: by an invitation that can still be used.
    fn check_invitation(
        &mut self,
        invitation: Option<&TokenHash>,
        is_counted: bool,
        address: Option<IpAddr>,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let invitation = invitation.ok_or_else(Refusal::guests_closed)?;
        self.attempts.admit_invitation(address, Instant::now())?;
        if !self.writer.is_invited(invitation, is_counted, now_ms).map_err(unreadable)? {
            return Err(Refusal::bad_invitation());
        }
        self.attempts.forgive_invitation(address);
        Ok(())
    }

    /// Whoever has this session, if it is there: then the call comes again.
    fn known(&self, token: &TokenHash, now_ms: u64) -> Result<Option<Profile>, Refusal> {
        let Some(login) = self.writer.find_login(token, now_ms).map_err(unreadable)? else { return Ok(None) };
        let identity = self.writer.identity(login.person).map_err(unreadable)?;
        Ok(identity.as_ref().map(Profile::from))
    }

    fn session(&self, token: &TokenHash, now_ms: u64) -> Result<(Login, Identity), Refusal> {
        let login = self.writer.find_login(token, now_ms).map_err(unreadable)?;
        let login = login.ok_or_else(Refusal::not_signed_in)?;
        let identity = self.writer.identity(login.person).map_err(unreadable)?;
        Ok((login, identity.ok_or_else(Refusal::not_signed_in)?))
    }

    /// A browser that had another session has lost it: its other pages come back with the new one.
    fn replace(&mut self, replaced: Option<TokenHash>, now_ms: u64) -> Result<(), Refusal> {
        let Some(token) = replaced else { return Ok(()) };
        let Some(login) = self.writer.find_login(&token, now_ms).map_err(unreadable)? else { return Ok(()) };
        self.writer.end_session(login.session).map_err(unwritable)?;
        self.dismiss(Farewell::Replaced, |client| client.login == Some(login));
        Ok(())
    }

    fn set_password(
        &mut self,
        token: &TokenHash,
        passwords: (Option<&str>, &str),
        next: &TokenHash,
        now_ms: u64,
    ) -> Result<Answer, Refusal> {
        let (login, _) = self.session(token, now_ms)?;
        let identity = checked(self.writer.set_password(login, passwords, next, now_ms))?;
        tracing::info!(person = identity.id, role = identity.role.as_str(), "a password was set");
        self.dismiss(Farewell::SignedOut, |client| {
            client.login.is_some_and(|other| other.person == login.person && other.session != login.session)
        });
        let profile = Profile::from(&identity);
        self.claim_name(&profile);
        self.tell_person(&profile);
        Ok(Answer::Somebody(profile))
    }

    fn sign_out(&mut self, token: &TokenHash, everywhere: bool, now_ms: u64) -> Result<Answer, Refusal> {
        // Who is signed out already has what was asked for.
        let Some(login) = self.writer.find_login(token, now_ms).map_err(unreadable)? else {
            return Ok(Answer::Done);
        };
        let ended = match everywhere {
            true => self.writer.end_sessions(login.person),
            false => self.writer.end_session(login.session),
        };
        ended.map_err(unwritable)?;
        self.dismiss(Farewell::SignedOut, |client| match everywhere {
            true => client.login.is_some_and(|other| other.person == login.person),
            false => client.login == Some(login),
        });
        Ok(Answer::Done)
    }

    /// One of one's own sessions, on whatever device.
    fn end_session(&mut self, token: &TokenHash, session: i64, now_ms: u64) -> Result<Answer, Refusal> {
        let (login, identity) = self.session(token, now_ms)?;
        if !self.writer.end_session_of(login.person, session).map_err(unwritable)? {
            return Err(Refusal::no_such_session());
        }
        let ended = Login { session, ..login };
        self.dismiss(Farewell::SignedOut, |client| client.login == Some(ended));
        Ok(if ended == login { Answer::Done } else { Answer::Somebody((&identity).into()) })
    }

    /// The name is an account's from here on: whoever else has been using it is somebody else. A guest's may be others', too.
    pub(super) fn claim_name(&mut self, profile: &Profile) {
        if profile.role == Role::Guest {
            return;
        }
        self.dismiss(Farewell::NameClaimed, |client| {
            client.name.as_deref() == Some(&*profile.name) && client.number() != Some(profile.id)
        });
    }

    /// Ends the connections of some people.
    pub(super) fn dismiss(&mut self, farewell: Farewell, which: impl Fn(&Client) -> bool) {
        for (conn, _) in self.people.iter().filter(|(_, client)| which(client)) {
            self.effects.push(Effect::Send(Outgoing::Disconnect { conn, farewell }));
        }
    }
}

fn of_account(account: Option<Identity>) -> Answer {
    let profile = account.as_ref().map(Profile::from);
    Answer::Account { profile, password: account.and_then(|account| account.password) }
}

fn checked(stored: Result<Result<Identity, Obstacle>, StoreError>) -> Result<Identity, Refusal> {
    stored.map_err(unwritable)?.map_err(|obstacle| match obstacle {
        Obstacle::Claimed => Refusal::name_claimed(),
        Obstacle::Uninvited => Refusal::bad_invitation(),
        Obstacle::Changed => Refusal::new(
            Code::WrongPassword,
            "The account has been changed in this very moment. Try again, with its password as it is now.",
        ),
        Obstacle::Full => Refusal::new(
            Code::AccountsFull,
            "The server has as many accounts as it may have. You can go on as a guest; tell whoever runs it.",
        ),
    })
}

pub(super) fn unreadable(error: StoreError) -> Refusal {
    tracing::error!(%error, "people could not be read");
    Refusal::internal()
}

pub(super) fn unwritable(error: StoreError) -> Refusal {
    tracing::error!(%error, "people could not be written");
    Refusal::internal()
}
