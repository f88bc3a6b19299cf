//! A fixed array in anonymous memory that is zero until it is touched.

use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Types for which all bytes zero is a valid value and every field may be written by several threads
/// through a shared reference.
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
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        $visibility struct $name { $($(#[$field_meta])* $field: $type,)* }

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
}

// SAFETY: a `Mapping` owns its memory, and `T: Zeroed` can be shared between threads.
unsafe impl<T: Zeroed> Send for Mapping<T> {}
// SAFETY: as above; only `&T` is ever handed out.
unsafe impl<T: Zeroed> Sync for Mapping<T> {}

impl<T: Zeroed> Mapping<T> {
    pub(crate) fn new(len: usize) -> io::Result<Mapping<T>> {
        let bytes = len
            .checked_mul(size_of::<T>())
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice aliases nothing.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)?
        };
        let start =
            NonNull::new(start.cast::<T>()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Mapping { start, len })
    }
}

impl<T> Deref for Mapping<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is page-aligned, `len` values long, zeroed (valid for `T: Zeroed`, the only way
        // to construct one), and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: `start` and the length are those of the mapping made in `new`; no reference outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len * size_of::<T>()) };
    }
}
