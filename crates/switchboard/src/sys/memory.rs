//! Memory that processes share: a sealed memfd, mapped.
//!
//! Whoever makes a memfd maps it before it is sealed, and hands its descriptor to other processes. The seals see to it
//! that nobody can change its size (reading beyond its end would be a SIGBUS) and, where others may only read, that
//! they cannot map it for writing at all.

use std::ffi::CStr;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
#[cfg(any(test, feature = "fuzzing"))]
use rustix::mm::mmap_anonymous;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What one side may do with shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

impl Access {
    fn protection(self) -> ProtFlags {
        match self {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        }
    }
}

/// One mapping, all zero when it is new. Pages that nobody touched cost no memory.
#[derive(Debug)]
pub(crate) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a `Memory` owns its mapping; what is in it is reached through atomics, or copied by `Area`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Memory of this process alone.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn anonymous(len: usize) -> io::Result<Arc<Memory>> {
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let start = unsafe {
            let protection = Access::ReadWrite.protection();
            mmap_anonymous(ptr::null_mut(), not_empty(len)?, protection, MapFlags::SHARED)?
        };
        Memory::owning(start.cast(), len)
    }

    /// Memory to share, mapped for reading and writing, and the descriptor by which another process attaches to it
    /// with no more than the access of `others`. `name` is what `/proc/PID/maps` calls it.
    pub(crate) fn create(name: &CStr, len: usize, others: Access) -> io::Result<(Arc<Memory>, OwnedFd)> {
        let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, not_empty(len)? as u64)?;
        let memory = Memory::map(&fd, len, Access::ReadWrite)?;
        let mut seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        if others == Access::Read {
            // The mapping above stays writable; no later one can be.
            seals |= SealFlags::FUTURE_WRITE;
        }
        fcntl_add_seals(&fd, seals)?;
        Ok((memory, fd))
    }

    /// Maps memory that another process has made; its size has to be `len`.
    pub(crate) fn attach(fd: impl AsFd, len: usize, access: Access) -> io::Result<Arc<Memory>> {
        let size = fstat(&fd)?.st_size;
        if usize::try_from(size).ok() != Some(not_empty(len)?) {
            return Err(invalid("shared memory of an unexpected size"));
        }
        Memory::map(fd, len, access)
    }

    fn map(fd: impl AsFd, len: usize, access: Access) -> io::Result<Arc<Memory>> {
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing.
        let start = unsafe { mmap(ptr::null_mut(), len, access.protection(), MapFlags::SHARED, fd, 0)? };
        Memory::owning(start.cast(), len)
    }

    fn owning(start: *mut u8, len: usize) -> io::Result<Arc<Memory>> {
        let start = NonNull::new(start).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Arc::new(Memory { start, len }))
    }

    /// The address of `count` values of `T` at `offset`, which lie within the memory and are aligned.
    pub(super) fn slice_at<T>(&self, offset: usize, count: usize) -> io::Result<NonNull<T>> {
        let bytes = count.checked_mul(size_of::<T>());
        let end = bytes.and_then(|bytes| bytes.checked_add(offset));
        if end.is_none_or(|end| end > self.len) || !offset.is_multiple_of(align_of::<T>()) {
            return Err(invalid("outside of the shared memory"));
        }
        // SAFETY: `offset` is within the mapping, as was just checked.
        Ok(unsafe { self.start.add(offset) }.cast())
    }

    /// The word at `offset`.
    pub(crate) fn word(self: &Arc<Memory>, offset: usize) -> io::Result<Word> {
        Ok(Word { at: self.slice_at(offset, 1)?, _memory: self.clone() })
    }

    /// `len` bytes at `offset`, where a word begins, which are used round and round; `len` is a power of two, and no less than a word.
    pub(crate) fn area(self: &Arc<Memory>, offset: usize, len: usize) -> io::Result<Area> {
        if !len.is_power_of_two() || len < size_of::<u64>() {
            return Err(invalid("a ring's size is not a power of two"));
        }
        if !offset.is_multiple_of(align_of::<u64>()) {
            return Err(invalid("a ring does not begin with a word"));
        }
        Ok(Area { start: self.slice_at(offset, len)?, len, _memory: self.clone() })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `start` and `len` are those of a mapping that this value owns; whoever points into it holds an
        // `Arc` of this value.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

fn not_empty(len: usize) -> io::Result<usize> {
    (len > 0).then_some(len).ok_or_else(|| invalid("no memory"))
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// One word in shared memory, and what keeps that memory mapped.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    at: NonNull<AtomicU64>,
    _memory: Arc<Memory>,
}

// SAFETY: it is an `Arc` and a reference to an atomic behind it.
unsafe impl Send for Word {}
// SAFETY: as above.
unsafe impl Sync for Word {}

impl Deref for Word {
    type Target = AtomicU64;

    fn deref(&self) -> &AtomicU64 {
        // SAFETY: checked by `slice_at`; every bit pattern is valid, and `_memory` keeps it mapped.
        unsafe { self.at.as_ref() }
    }
}

/// Bytes in shared memory that are used round and round: a position counts for ever, and its place is the remainder.
///
/// Another process may write to the same bytes at any moment, whatever was agreed. So nothing refers to them: they are
/// only ever copied, in and out.
#[derive(Debug)]
pub(crate) struct Area {
    start: NonNull<u8>,
    len: usize,
    _memory: Arc<Memory>,
}

// SAFETY: it is an `Arc` and a pointer into what that keeps alive; access is by copying only.
unsafe impl Send for Area {}

impl Area {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Copies `parts` in a row to `position`. No more than all of the area is written.
    pub(crate) fn write(&mut self, position: u64, parts: &[&[u8]]) {
        let mut at = self.place(position);
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(len <= self.len);
        if at + len <= self.len {
            for part in parts {
                // SAFETY: all of them fit, one after the other, and shared memory overlaps no slice of this process.
                unsafe { ptr::copy_nonoverlapping(part.as_ptr(), self.start.add(at).as_ptr(), part.len()) };
                at += part.len();
            }
        } else {
            self.write_around(at, parts);
        }
    }

    /// Goes on at the start of the area where that ends.
    #[cold]
    fn write_around(&mut self, mut at: usize, parts: &[&[u8]]) {
        for part in parts {
            let part = &part[..part.len().min(self.len)];
            let (first, rest) = part.split_at(part.len().min(self.len - at));
            // SAFETY: `at + first.len() <= len`, `rest.len() <= len`, and shared memory overlaps no slice of this process.
            unsafe {
                ptr::copy_nonoverlapping(first.as_ptr(), self.start.add(at).as_ptr(), first.len());
                ptr::copy_nonoverlapping(rest.as_ptr(), self.start.as_ptr(), rest.len());
            }
            at = (at + part.len()) & (self.len - 1);
        }
    }

    /// The word at `position`, a multiple of its size.
    pub(crate) fn read_word(&self, position: u64) -> u64 {
        // What orders it is the tail, which was read before.
        self.word(position).load(Ordering::Relaxed)
    }

    /// Writes the word at `position`, a multiple of its size.
    pub(crate) fn write_word(&mut self, position: u64, value: u64) {
        // What orders it is the tail, which is written later.
        self.word(position).store(value, Ordering::Relaxed);
    }

    fn word(&self, position: u64) -> &AtomicU64 {
        let at = self.place(position) & !(size_of::<u64>() - 1);
        // SAFETY: `at` is within the area and a multiple of eight, and so is the area's length; it starts where a word does.
        unsafe { self.start.add(at).cast::<AtomicU64>().as_ref() }
    }

    /// Appends `len` bytes from `position` on to `into`. No more than all of the area is read.
    pub(crate) fn read(&self, position: u64, len: usize, into: &mut Vec<u8>) {
        debug_assert!(len <= self.len);
        let len = len.min(self.len);
        let at = self.place(position);
        let first = len.min(self.len - at);
        into.reserve_exact(len);
        let target = into.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: `at + first <= len` of the area, the rest is no longer than the area, and `len` bytes were reserved.
        // All of what is added to the length was written.
        unsafe {
            copy(self.start.add(at).as_ptr(), target, first);
            copy(self.start.as_ptr(), target.add(first), len - first);
            into.set_len(into.len() + len);
        }
    }

    fn place(&self, position: u64) -> usize {
        (position & (self.len as u64 - 1)) as usize
    }
}

/// Copies out of shared memory. Not inlined, so that the compiler cannot replace a later look at the copy by another look
/// at the original, which may have changed meanwhile.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`], but for the other process.
#[inline(never)]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { ptr::copy_nonoverlapping(from, to, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let (ours, fd) = Memory::create(c"test", 8192, Access::Read).unwrap();
        ours.word(4096).unwrap().store(7, Ordering::Relaxed);
        let theirs = Memory::attach(&fd, 8192, Access::Read).unwrap();
        assert_eq!(theirs.word(4096).unwrap().load(Ordering::Relaxed), 7);
    }

    #[test]
    fn what_others_may_read_they_cannot_map_for_writing() {
        let (_ours, fd) = Memory::create(c"test", 4096, Access::Read).unwrap();
        assert!(Memory::attach(&fd, 4096, Access::ReadWrite).is_err());
        let (_ours, fd) = Memory::create(c"test", 4096, Access::ReadWrite).unwrap();
        assert!(Memory::attach(&fd, 4096, Access::ReadWrite).is_ok());
    }

    #[test]
    fn its_size_stays_what_it_was() {
        let (_ours, fd) = Memory::create(c"test", 4096, Access::ReadWrite).unwrap();
        assert!(ftruncate(&fd, 0).is_err());
        assert!(ftruncate(&fd, 8192).is_err());
        assert!(fcntl_add_seals(&fd, SealFlags::WRITE).is_err());
        assert!(Memory::attach(&fd, 8192, Access::Read).is_err());
        assert!(Memory::create(c"test", 0, Access::Read).is_err());
    }

    #[test]
    fn nothing_outside_of_it_is_reached() {
        let memory = Memory::anonymous(4096).unwrap();
        assert!(memory.word(4088).is_ok());
        assert!(memory.word(4096).is_err());
        assert!(memory.word(4).is_err());
        assert!(memory.word(usize::MAX & !7).is_err());
        assert!(memory.area(0, 4096).is_ok());
        assert!(memory.area(1024, 4096).is_err());
        assert!(memory.area(0, 3000).is_err());
        assert!(memory.area(0, 4).is_err());
        assert!(memory.area(4, 64).is_err());
        assert!(memory.slice_at::<u64>(0, usize::MAX / 4).is_err());
    }

    #[test]
    fn an_area_wraps() {
        let memory = Memory::anonymous(64).unwrap();
        let mut area = memory.area(0, 16).unwrap();
        area.write(u64::MAX - 15 + 12, &[b"abcdefgh"]);
        let mut bytes = b">".to_vec();
        area.read(12, 8, &mut bytes);
        assert_eq!(&bytes[..], b">abcdefgh");
        area.read(0, 4, &mut bytes);
        assert_eq!(&bytes[9..], b"efgh");
        area.write(24, &[b"12345678"]);
        assert_eq!(area.read_word(8), u64::from_le_bytes(*b"12345678"));
    }
}
