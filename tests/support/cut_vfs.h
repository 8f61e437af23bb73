/* tests/support/cut_vfs.h - a disk that can lose its power, be full or broken, or take its time: a
 * layer over SQLite's own access to files.
 *
 * Files of one lab folder are watched. What SQLite writes goes to the real file, as to a page
 * cache; beside it is kept what a disk would hold for sure, which grows only by fsync. A file's
 * name is on the disk only when its folder was synced (fsync and fdatasync are replaced for the
 * whole program: nothing waits for a real disk). When the power goes, every access fails; when it
 * comes back the folder holds what was sure and any part of the rest, with new shared memory files
 * full of rubbish.
 */
#ifndef TESTS_SUPPORT_CUT_VFS_H
#define TESTS_SUPPORT_CUT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum cut_mode { /* what becomes of writes that were not synced */
    CUT_LOSE,   /* none is there */
    CUT_KEEP,   /* all are */
    CUT_PREFIX, /* all before some moment, and half of the one of that moment */
    CUT_SUBSET, /* any of them */
    CUT_TEAR,   /* any sectors of any of them, and some are rubbish */
    CUT_MODES
};

/* The default way to files from now on. dir: the lab folder, empty; power on, nothing armed. */
void cut_fresh(const char *dir);
/* The power goes in the nth access from now that changes something (write, truncation, sync of a
 * file or folder, removal), 0: never. */
void cut_arm(uint64_t nth, enum cut_mode mode, uint64_t seed);
uint64_t cut_accesses(void); /* since cut_arm */
bool cut_dark(void);
/* After everything was closed. */
void cut_power_on(void);
/* As the death of the process: accesses fail, but what was written stays written. */
void cut_kill(void);
void cut_revive(void);

enum cut_fault {
    CUT_NO_FAULT,
    CUT_FULL, /* writes: half is written, ENOSPC */
    CUT_EIO, /* any access that changes something; a failed fsync has thrown away what waited for it
              */
    CUT_EIO_SYNC,   /* syncs of files only */
    CUT_EIO_FOLDER, /* syncs of folders only */
    CUT_EIO_READ
};
/* The nth such access from now fails, and those after it, `length` in all. 0: none any more. */
void cut_fault(enum cut_fault fault, uint64_t nth, uint64_t length);
uint64_t cut_faults(void); /* that happened since */
/* While held, syncs wait. */
void cut_hold(bool held);

#endif
