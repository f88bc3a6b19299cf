//! Values under small numbers, their keys, in chunks: growing moves nothing, and no more is set aside than one chunk.

use std::ops::{Index, IndexMut};

/// Values in a chunk. One of connections is some 12 KB.
const CHUNK: usize = 64;

#[derive(Debug)]
pub(super) struct Store<T> {
    chunks: Vec<Box<[Place<T>]>>,
    /// The place that is taken next, if there is one already.
    vacant: Option<u32>,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    /// With the one that is taken after it.
    Vacant(Option<u32>),
    Taken(T),
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Store { chunks: Vec::new(), vacant: None, len: 0 }
    }
}

impl<T> Store<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the next value will be.
    pub(super) fn vacant_key(&self) -> usize {
        self.vacant.map_or(self.chunks.len() * CHUNK, |key| key as usize)
    }

    /// Puts a value where [`vacant_key`](Store::vacant_key) has said, and answers that.
    pub(super) fn insert(&mut self, value: T) -> usize {
        let key = self.vacant_key();
        if self.vacant.is_none() {
            let end = key + CHUNK;
            let next = |next: usize| (next < end).then_some(next as u32);
            self.chunks.push((key..end).map(|place| Place::Vacant(next(place + 1))).collect());
        }
        if let Some(place) = self.place_mut(key)
            && let Place::Vacant(next) = *place
        {
            *place = Place::Taken(value);
            self.vacant = next;
            self.len += 1;
        }
        key
    }

    /// Takes out a value that is known to be there.
    pub(super) fn remove(&mut self, key: usize) -> T {
        let next = self.vacant;
        if let Some(place @ Place::Taken(_)) = self.place_mut(key)
            && let Place::Taken(value) = std::mem::replace(place, Place::Vacant(next))
        {
            self.vacant = Some(key as u32);
            self.len -= 1;
            return value;
        }
        vacant(key)
    }

    #[inline]
    pub(super) fn get(&self, key: usize) -> Option<&T> {
        match self.chunks.get(key / CHUNK)?.get(key % CHUNK)? {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        match self.place_mut(key)? {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        }
    }

    #[inline]
    fn place_mut(&mut self, key: usize) -> Option<&mut Place<T>> {
        self.chunks.get_mut(key / CHUNK)?.get_mut(key % CHUNK)
    }

    /// All values with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.chunks.iter().flatten().enumerate().filter_map(|(key, place)| match place {
            Place::Taken(value) => Some((key, value)),
            Place::Vacant(_) => None,
        })
    }
}

/// For keys that are known to be taken.
impl<T> Index<usize> for Store<T> {
    type Output = T;

    #[inline]
    fn index(&self, key: usize) -> &T {
        match self.get(key) {
            Some(value) => value,
            None => vacant(key),
        }
    }
}

impl<T> IndexMut<usize> for Store<T> {
    #[inline]
    fn index_mut(&mut self, key: usize) -> &mut T {
        match self.get_mut(key) {
            Some(value) => value,
            None => vacant(key),
        }
    }
}

#[cold]
fn vacant(key: usize) -> ! {
    unreachable!("nothing is under the key {key}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_in_is_under_its_key_until_it_is_taken_out(
            steps in proptest::collection::vec((any::<bool>(), 0..300usize), 0..600),
        ) {
            let (mut store, mut model) = (Store::default(), BTreeMap::new());
            for (number, (insert, key)) in steps.into_iter().enumerate() {
                if insert {
                    let key = store.vacant_key();
                    prop_assert_eq!(store.insert(number), key);
                    prop_assert_eq!(model.insert(key, number), None);
                } else {
                    let taken = store.get(key).is_some().then(|| store.remove(key));
                    prop_assert_eq!(taken, model.remove(&key));
                }
                prop_assert_eq!(store.get(key), model.get(&key));
                prop_assert_eq!(store.is_empty(), model.is_empty());
            }
            let all: Vec<_> = store.iter().map(|(key, number)| (key, *number)).collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
            prop_assert!(store.chunks.len() * CHUNK < 600 + CHUNK);
        }
    }
}
