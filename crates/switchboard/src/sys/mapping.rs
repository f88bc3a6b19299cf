//! A fixed array in shared or anonymous memory that is zero until it is touched.

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use super::memory::Memory;

/// Types for which every pattern of bytes is a valid value and every field may be written by several threads
/// or processes through a shared reference.
///
/// # Safety
/// Use [`shared_struct!`], which checks that every field is of such a type.
pub(crate) unsafe trait Zeroed: Sync {}

// SAFETY: atomics are integers inside.
unsafe impl Zeroed for AtomicU8 {}
// SAFETY: as above.
unsafe impl Zeroed for AtomicU16 {}
// SAFETY: as above.
unsafe impl Zeroed for AtomicU32 {}
// SAFETY: as above.
unsafe impl Zeroed for AtomicU64 {}
// SAFETY: an array is its elements.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}

/// Defines a struct that can stand in a [`Mapping`]: its layout is C's, and all of its fields can.
macro_rules! shared_struct {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        $visibility struct $name { $($(#[$field_meta])* $field_vis $field: $type,)* }

        const _: () = {
            const fn is_zeroed<T: $crate::sys::Zeroed>() {}
            $(is_zeroed::<$type>();)*
        };

        // SAFETY: `repr(C)`, and every field was checked to be `Zeroed`.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::Zeroed for $name {}
    };
}
pub(crate) use shared_struct;

/// `len` values of `T`, all zero at first. Pages that nobody touched cost no memory, so the array can be made
/// for the largest number of connections that is allowed.
#[derive(Debug)]
pub(crate) struct Mapping<T> {
    start: NonNull<T>,
    len: usize,
    /// Keeps it mapped.
    _memory: Arc<Memory>,
}

// SAFETY: a `Mapping` shares in the ownership of its memory, and `T: Zeroed` can be shared between threads.
unsafe impl<T: Zeroed> Send for Mapping<T> {}
// SAFETY: as above; only `&T` is ever handed out.
unsafe impl<T: Zeroed> Sync for Mapping<T> {}

impl<T: Zeroed> Mapping<T> {
    /// In a part of `memory`, from the byte `offset` on. Where that was attached for reading only, nothing may be stored.
    pub(crate) fn within(memory: &Arc<Memory>, offset: usize, len: usize) -> io::Result<Mapping<T>> {
        Ok(Mapping { start: memory.slice_at(offset, len)?, len, _memory: memory.clone() })
    }
}

impl<T> Deref for Mapping<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `slice_at` checked that `len` aligned values lie within the memory; any bytes are valid for
        // `T: Zeroed`, the only way to construct one; and the memory lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}
