//! Passwords: which ones are taken, and how they are kept (argon2id, by the parameters that OWASP names first).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::token::random_bytes;
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN, PASSWORDS_AT_ONCE_MAX, PASSWORDS_WAITING_MAX};
use crate::protocol::{Code, Refusal};

/// Verified when there is no account, so that it takes as long to be told so as to be told that a password is wrong.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c3dpdGNoYm9hcmQgbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// May this be somebody's password?
pub(crate) fn check(password: &str, name: &str) -> Result<(), Refusal> {
    let bad = |sentence: String| Err(Refusal::new(Code::BadPassword, sentence));
    if password.len() < PASSWORD_BYTES_MIN {
        return bad(format!("A password has at least {PASSWORD_BYTES_MIN} bytes. Choose a longer one."));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return bad(format!("A password has at most {PASSWORD_BYTES_MAX} bytes. Choose a shorter one."));
    }
    if password.to_lowercase() == name.to_lowercase() {
        return bad("Your name is no password. Choose another one.".to_owned());
    }
    Ok(())
}

/// Hashes and verifies, a few at a time, on threads of their own: each takes 19 MiB and some hundredths of a second, and
/// whoever chats is not to wait for it.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    /// Places for those at work and those that wait.
    admitted: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE_MAX + PASSWORDS_WAITING_MAX)),
            at_work: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE_MAX)),
        }
    }

    /// As a PHC string.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        self.work(move || hash(&password)).await?
    }

    /// `kept`: the PHC string; None if there is no account: then it is wrong, after the same time.
    pub(crate) async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Refusal> {
        self.work(move || {
            let right = verify(&password, kept.as_deref().unwrap_or(NOBODY));
            right && kept.is_some()
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let Ok(admitted) = self.admitted.clone().try_acquire_owned() else { return Err(Refusal::busy()) };
        let at_work = self.at_work.clone().acquire_owned().await.map_err(|_| Refusal::busy())?;
        // The places are given back when the work is done, also if nobody waits for it any more.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((at_work, admitted));
            result
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a password could not be worked on");
            Refusal::internal()
        })
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn hash(password: &str) -> Result<String, Refusal> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a password could not be hashed");
        Refusal::internal()
    };
    let salt: [u8; 16] = random_bytes().map_err(|error| failed(&error))?;
    let hash =
        argon2().hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

fn verify(password: &str, kept: &str) -> bool {
    match PasswordHash::new(kept) {
        Ok(kept) => argon2().verify_password(password.as_bytes(), &kept).is_ok(),
        Err(error) => {
            tracing::error!(%error, "the database has a password's hash that is none");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_another_one_is_not() {
        for password in ["correct horse", "nul\0nul\0nul", "пароль密码🔑", &"x".repeat(PASSWORD_BYTES_MAX)]
        {
            let kept = hash(password).expect("hashed");
            assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
            assert!(verify(password, &kept));
            assert!(!verify(&format!("{password} "), &kept));
            assert_ne!(kept, hash(password).expect("hashed"), "each has its salt");
        }
        assert!(!verify("nul", &hash("nul\0nul\0nul").expect("hashed")), "a NUL ends nothing");
        assert!(!verify("anything", "no hash"));
    }

    #[test]
    fn nobody_has_a_password_that_takes_as_long() {
        let nobody = PasswordHash::new(NOBODY).expect("a hash");
        let somebody = hash("correct horse").expect("hashed");
        let somebody = PasswordHash::new(&somebody).expect("a hash");
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.algorithm, somebody.algorithm);
    }

    #[test]
    fn rules_are_about_length_and_the_name_alone() {
        let code = |password: &str| check(password, "Ann Smith").err().map(|refusal| refusal.code);
        assert_eq!(code("ann smith"), Some(Code::BadPassword));
        assert_eq!(code("short"), Some(Code::BadPassword));
        assert_eq!(code(&"x".repeat(PASSWORD_BYTES_MAX + 1)), Some(Code::BadPassword));
        for good in ["aaaaaaaa", "密码密", "nul\0nul\0", &"x".repeat(PASSWORD_BYTES_MAX)] {
            assert_eq!(code(good), None, "{good:?}");
        }
    }
}
