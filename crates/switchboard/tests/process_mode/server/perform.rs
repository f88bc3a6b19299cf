//! Every call of `Handle`, by its name, from whichever process. The answer is what it returned, as text.

use std::time::Duration;

use bytes::Bytes;
use switchboard::{ConnectionId, Handle, Recipient};

use super::overflow;

/// `perform`, and the result to a connection: `ID COMMAND…`.
pub(crate) async fn perform_for(handle: &Handle, order: &str) {
    let (id, command) = order.split_once(' ').unwrap();
    let id = connection(id);
    let result = perform(handle, Some(id), command).await;
    let _ = handle.push(id, format!("= {result}"));
}

pub(crate) async fn perform(handle: &Handle, me: Option<ConnectionId>, command: &str) -> String {
    let parts: Vec<&str> = command.split(' ').collect();
    if let Some(done) = perform_on_one(handle, me, &parts) {
        return done;
    }
    if let Some(seen) = look(handle, me, &parts) {
        return seen;
    }
    ask(handle, &parts).await
}

fn shown<T: std::fmt::Debug, E: std::fmt::Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    }
}

pub(crate) fn connection(text: &str) -> ConnectionId {
    ConnectionId::new(text.parse().unwrap()).unwrap()
}

fn connections(text: &str) -> Vec<ConnectionId> {
    if text == "-" { Vec::new() } else { text.split(',').map(connection).collect() }
}

fn perform_on_one(handle: &Handle, me: Option<ConnectionId>, parts: &[&str]) -> Option<String> {
    let id = |text: &str| if text == "me" { me.unwrap() } else { connection(text) };
    let done = match *parts {
        ["push", to, text] => shown(handle.push(id(to), text.to_owned())),
        ["push_with", to, policy, text] => shown(handle.push_with(id(to), text.to_owned(), overflow(policy))),
        ["push_many", to, text] => shown(handle.push_many(&connections(to), text.to_owned())),
        ["push_big", to, bytes] => shown(handle.push(id(to), vec![b'b'; bytes.parse().unwrap()])),
        ["broadcast", text] => shown(handle.broadcast(text.to_owned())),
        ["publish", group, except, text] => {
            shown(handle.publish(group, text.to_owned(), &connections(except)))
        }
        ["push_to_user", user, text] => shown(handle.push_to_user(user, text.to_owned())),
        ["join", of, group] => shown(handle.join(id(of), group)),
        ["leave", of, group] => shown(handle.leave(id(of), group)),
        ["bind", of, user] => shown(handle.bind(id(of), user)),
        ["set_session", of, text] => shown(handle.set_session(id(of), text.to_owned())),
        ["flood", to, bytes, max, policy] => flood(handle, id(to), bytes, max, policy),
        ["join_many", of, max] => {
            let mut joins =
                (0..max.parse::<u32>().unwrap()).map(|group| handle.join(id(of), &format!("many-{group}")));
            let joined = joins.by_ref().take_while(Result::is_ok).count();
            format!("{joined} {}", joins.next().map(shown).unwrap_or_default())
        }
        ["disconnect", of, code, reason] => shown(handle.disconnect(id(of), code.parse().unwrap(), reason)),
        ["close", of] => shown(handle.close(id(of))),
        ["abort", of] => shown(handle.abort(id(of))),
        ["pause", of] => shown(handle.pause(id(of))),
        ["resume", of] => shown(handle.resume(id(of))),
        ["protect", of, yes] => shown(handle.protect(id(of), yes == "true")),
        _ => return None,
    };
    Some(done)
}

/// Pushes in a tight loop. How many were accepted, and how many refused.
fn flood(handle: &Handle, id: ConnectionId, bytes: &str, max: &str, policy: &str) -> String {
    let (bytes, policy) = (Bytes::from(vec![b'f'; bytes.parse().unwrap()]), overflow(policy));
    let (mut accepted, mut refused, mut last) = (0u32, 0u32, String::new());
    for _ in 0..max.parse::<u32>().unwrap() {
        match handle.push_with(id, bytes.clone(), policy) {
            Ok(()) => accepted += 1,
            Err(error) => {
                refused += 1;
                last = format!("{error:?}");
            }
        }
    }
    format!("{accepted} {refused} {last}")
}

fn look(handle: &Handle, me: Option<ConnectionId>, parts: &[&str]) -> Option<String> {
    let id = |text: &str| if text == "me" { me.unwrap() } else { connection(text) };
    let seen = match *parts {
        ["id"] => me.unwrap().to_string(),
        ["who"] => format!("{} {}", handle.generation(), std::process::id()),
        ["connections"] => listed(&handle.connections()),
        ["exists", of] => handle.exists(id(of)).to_string(),
        ["is_established", of] => handle.is_established(id(of)).to_string(),
        ["client_info", of] => match handle.client_info(id(of)) {
            None => "None".to_owned(),
            Some(info) => format!(
                "{} {} {} {} {} {}",
                info.peer,
                info.user.unwrap_or_else(|| "-".to_owned()),
                info.established,
                info.reactor,
                info.received_messages,
                info.queued_bytes
            ),
        },
        ["stats"] => {
            let stats = handle.stats();
            format!("{} {} {} {}", stats.connections, stats.opened, stats.closed, stats.dropped_messages)
        }
        ["is_stopping"] => handle.is_stopping().to_string(),
        ["shutdown"] => {
            handle.shutdown();
            "()".to_owned()
        }
        _ => return None,
    };
    Some(seen)
}

fn listed<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What waits for an answer.
async fn ask(handle: &Handle, parts: &[&str]) -> String {
    match *parts {
        ["members", group] => {
            handle.members(group).await.map_or_else(|e| format!("{e:?}"), |ids| listed(&ids))
        }
        ["user_connections", user] => {
            handle.user_connections(user).await.map_or_else(|e| format!("{e:?}"), |ids| listed(&ids))
        }
        ["groups", of] => {
            handle.groups(connection(of)).await.map_or_else(|e| format!("{e:?}"), |g| g.join(","))
        }
        ["session", of] => {
            let session = handle.session(connection(of)).await;
            session.map_or_else(|e| format!("{e:?}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
        }
        ["snapshot"] => match handle.snapshot().await {
            Err(error) => format!("{error:?}"),
            Ok(states) => {
                let state = |state: switchboard::ConnectionState| {
                    let user = state.user.unwrap_or_default();
                    let session = String::from_utf8_lossy(&state.session).into_owned();
                    format!("{}/{user}/{session}/{}", state.id, state.groups.join(","))
                };
                states.into_iter().map(state).collect::<Vec<_>>().join(" ")
            }
        },
        ["reload"] => match handle.reload().await {
            Ok(reloaded) => format!("{} {}", reloaded.from, reloaded.to),
            Err(error) => format!("{error:?}"),
        },
        ["status"] => status(handle).await,
        _ => send(handle, parts).await,
    }
}

async fn status(handle: &Handle) -> String {
    let status = match handle.status().await {
        Ok(status) => status,
        Err(error) => return format!("{error:?}"),
    };
    let line = |process: &switchboard::ProcessInfo| {
        let role = format!("{:?}", process.role).replace(' ', "");
        let (pid, generation, state) = (process.pid, process.generation, process.state);
        format!("{role} {pid} {generation} {state:?} {} {}", process.outstanding, process.queued)
    };
    status.processes.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn recipient(text: &str) -> Recipient {
    text.parse::<u16>().map_or_else(|_| Recipient::from(text), Recipient::from)
}

async fn send(handle: &Handle, parts: &[&str]) -> String {
    match *parts {
        ["send_message", to, ref body @ ..] => {
            shown(handle.send_message(recipient(to), body.join(" ")).await)
        }
        ["try_send", to, ref body @ ..] => shown(handle.try_send_message(recipient(to), body.join(" "))),
        ["send_big", to, bytes] => {
            shown(handle.send_message(recipient(to), vec![b'p'; bytes.parse().unwrap()]).await)
        }
        // Numbered, and waiting where it has to.
        ["send_numbers", to, tag, count] => {
            for number in 0..count.parse::<u32>().unwrap() {
                if let Err(error) = handle.send_message(recipient(to), format!("{tag} {number}")).await {
                    return format!("{number} {error:?}");
                }
            }
            "sent".to_owned()
        }
        // Until there is no more room.
        ["try_fill", to, bytes] => {
            let body = Bytes::from(vec![b'p'; bytes.parse().unwrap()]);
            for count in 0..100_000 {
                if let Err(error) = handle.try_send_message(recipient(to), body.clone()) {
                    return format!("{count} {error:?}");
                }
            }
            "it never was full".to_owned()
        }
        ["wait", millis] => {
            tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
            "waited".to_owned()
        }
        _ => parts.join(" "),
    }
}
