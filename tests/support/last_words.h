/* last_words.h - runs a function that is expected to abort, in a process of its own, and keeps
 * what it said on stderr: so that a test can look at the signal and at the words. */
#ifndef MARU_TESTS_LAST_WORDS_H
#define MARU_TESTS_LAST_WORDS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_WORDS_BYTES = 1024 };

struct last_words {
    int signal;                  /* that ended it; 0: it returned */
    char text[LAST_WORDS_BYTES]; /* of stderr */
};

static inline void last_words_child(int fd, void (*fn)(void *arg), void *arg)
{
    const struct rlimit no_core = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &no_core);     /* a wish: a core file would only be litter */
    dup2(fd, STDERR_FILENO);
    fn(arg);
    _exit(0);
}

static inline struct last_words last_words_of(void (*fn)(void *arg), void *arg)
{
    struct last_words words = { -1, "" };
    int fds[2], status = 0;
    size_t len = 0;
    ssize_t n;
    if (pipe(fds) < 0)
        return words;
    pid_t pid = fork();
    if (pid == 0)
        last_words_child(fds[1], fn, arg);
    close(fds[1]);
    while (len + 1 < sizeof words.text &&
           (n = read(fds[0], words.text + len, sizeof words.text - 1 - len)) != 0)
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            break;
    words.text[len] = '\0';
    close(fds[0]);
    if (pid > 0 && waitpid(pid, &status, 0) == pid)
        words.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return words;
}

static inline bool last_words_have(const struct last_words *words, const char *part)
{
    return strstr(words->text, part) != NULL;
}

#endif
