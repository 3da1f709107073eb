/* test_log.c - telling: what arrives, what is cut, and that nobody has to listen. */
#include "runtime/base/log.h"

#include "runtime/base/config.h"

#include <criterion/criterion.h>
#include <string.h>

struct heard {
    int level;
    unsigned lines;
    char text[2 * LOG_BYTES];
};

static void hear(void *arg, int level, const char *text)
{
    struct heard *heard = arg;
    heard->level = level;
    heard->lines++;
    (void)strncpy(heard->text, text, sizeof heard->text - 1);
}

Test(log, a_line_arrives_with_its_level)
{
    struct heard heard = { .lines = 0 };
    struct log log = { hear, &heard };
    log_write(&log, MARU_LOG_WARNING, "%d of %s", 3, "them");
    cr_assert_eq(heard.level, MARU_LOG_WARNING);
    cr_assert_str_eq(heard.text, "3 of them");
    log_write(&log, MARU_LOG_INFO, "fine");
    cr_assert_eq(heard.level, MARU_LOG_INFO);
    cr_assert_eq(heard.lines, 2u);
}

Test(log, a_long_line_is_cut)
{
    struct heard heard = { .lines = 0 };
    struct log log = { hear, &heard };
    char text[LOG_BYTES + 10];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_write(&log, MARU_LOG_INFO, "%s", text);
    cr_assert_eq(strlen(heard.text), LOG_BYTES - 1u);
}

Test(log, nobody_has_to_listen)
{
    struct log log = { NULL, NULL };
    log_write(&log, MARU_LOG_INFO, "%s", "nothing");
    log_write(NULL, MARU_LOG_INFO, "%s", "nothing");
}
