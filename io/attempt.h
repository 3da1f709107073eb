/* attempt.h - one operation on a socket from its start to its result: the loop that all families
 * of operations share, but recv and send, which do more in it.
 *
 *     before -> enter -> the system call -> leave -> its result
 *        ^                                       `-> EAGAIN: wait for an event --.
 *        `----------------------------------------------------------------------' */
#ifndef MARU_IO_ATTEMPT_H
#define MARU_IO_ATTEMPT_H

#include "io/io.h"

#include "maru/err.h"

/* Tries `call` until it gives something else than -EAGAIN or -EINTR. */
static inline maru_result attempt_poll(maru_op *op, const maru_context *cx, unsigned side,
                                       maru_result (*call)(maru_op *op))
{
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    maru_result go = ready_before(entry, op, side, cx);
    while (go == 0) {
        uint32_t seen;
        maru_result result;
        if (!ready_enter(entry, op, side, &seen))
            return -EBADF;
        do
            result = call(op);
        while (result == -EINTR);
        ready_leave(entry, side);
        if (result != -EAGAIN)
            return result;
        go = ready_wait(entry, op, side, seen, cx);
    }
    return go;
}

#endif
