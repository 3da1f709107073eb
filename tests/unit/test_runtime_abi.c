/* test_runtime_abi.c - versions, and the number that programs and the library must agree about. */
#include "tests/support/last_words.h"
#include "tests/unit/runtime_world.h"

#include <dirent.h>
#include <stdio.h>

TestSuite(runtime_abi, .timeout = 60);

static char *read_whole(const char *path)
{
    static char text[1 << 18];
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

Test(runtime_abi, the_version_is_that_of_the_headers_and_of_the_project)
{
    char version[32];
    int len = snprintf(version, sizeof version, "%d.%d.%d", MARU_VERSION_MAJOR,
                       MARU_VERSION_MINOR, MARU_VERSION_PATCH);
    cr_assert_gt(len, 0);
    cr_assert_str_eq(maru_version(), version);
    cr_assert_eq(maru_version_number(), (uint32_t)MARU_VERSION);
    char *project = read_whole("meson.build");
    if (!project)
        cr_skip_test("not run from the project's folder");
    char expected[64];
    (void)snprintf(expected, sizeof expected, "version: '%s'", version);
    cr_assert(strstr(project, expected), "meson.build and abi.h differ");
}

Test(runtime_abi, headers_and_library_of_one_version_agree)
{
    cr_assert_eq(maru_abi(), MARU_ABI);
}

Test(runtime_abi, a_program_of_another_version_is_refused_and_nothing_has_happened)
{
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    maru_runtime *runtime = NULL;
    cr_assert_eq(maru_runtime_new_abi(MARU_ABI + 1, NULL, &runtime), -MARU_EABI);
    cr_assert_eq(maru_runtime_new_abi(0, NULL, &runtime), -MARU_EABI);
    cr_assert_null(runtime);
    cr_assert_eq(entries_of("/proc/self/fd"), fds);
    cr_assert_eq(entries_of("/proc/self/task"), threads);
}

static void main_of_another_version(void *unused)
{
    (void)unused;
    _exit(maru_main_image_abi(MARU_ABI - 1, NULL, 0) == 1 ? 0 : 3);
}

Test(runtime_abi, the_main_of_another_version_says_so)
{
    struct last_words words = last_words_of(main_of_another_version, NULL);
    cr_assert_eq(words.signal, 0);
    cr_assert_str_eq(words.text, "maru_main: the program was compiled for another version of the "
                                 "library (MARU_EABI)\n");
}

Test(runtime_abi, the_plain_functions_are_there_for_other_languages)
{
    maru_runtime *runtime;
    cr_assert_eq((maru_runtime_new)(NULL, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    int (*by_pointer)(const maru_options *, maru_runtime **) = maru_runtime_new;
    cr_assert_eq(by_pointer(NULL, &runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- no type is forgotten ---- */

/* The name of a struct that begins on this line, or NULL. */
static const char *struct_in(char *line)
{
    static const char *const begins[] = { "typedef struct maru_", "struct maru_" };
    char *brace = strstr(line, " {");
    for (size_t i = 0; brace && i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(line, begins[i], strlen(begins[i])) != 0)
            continue;
        *brace = '\0';
        return line + strlen(begins[i]) - strlen("maru_");
    }
    return NULL;
}

static void look_through(const char *path, const char *abi)
{
    char line[256], name[256] = "", expected[300];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        bool says_its_size = strncmp(line, "    uint32_t size;", 18) == 0;
        (void)snprintf(expected, sizeof expected, "MARU_ABI_OF_(%s, ", name);
        cr_assert(!*name || says_its_size || strstr(abi, expected),
                  "%s: %s has no line in MARU_ABI (include/maru/abi.h)", path, name);
        const char *found = struct_in(line);
        (void)snprintf(name, sizeof name, "%s", found ? found : "");
    }
    fclose(file);
}

Test(runtime_abi, every_public_type_is_in_the_number_or_says_its_own_size)
{
    const struct dirent *entry;
    char path[512];
    char *abi = read_whole("include/maru/abi.h");
    DIR *folder = opendir("include/maru");
    if (!abi || !folder)
        cr_skip_test("not run from the project's folder");
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "ffi.h") == 0)
            continue;                           /* ffi.h repeats the others */
        (void)snprintf(path, sizeof path, "include/maru/%s", entry->d_name);
        look_through(path, abi);
    }
    closedir(folder);
}
