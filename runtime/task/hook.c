/* hook.c - see hook.h. */
#include "runtime/task/hook.h"

#include "runtime/base/context.h"

static const maru_function *function_of(const maru_frame *frame)
{
    return (const maru_function *)(const void *)frame->future_.type_;
}

static maru_task_info info_of(maru_task *task)
{
    const maru_function *function = function_of(task_root(task));
    return (maru_task_info){ .size = sizeof(maru_task_info),
                             .id = (uint64_t)(uintptr_t)task,   /* addresses do not live twice */
                             .function = function->type.name,
                             .file = function->file };
}

/* The function whose body runs here, and the await that it came from. */
static void add_spawner(maru_task_info *info)
{
    const struct context *here = context_here();
    if (!here->task || !here->frame)
        return;
    const maru_function *function = function_of(here->frame);
    uint32_t line = here->frame->future_.line_;
    info->spawner = function->type.name;
    info->spawner_file = function->file;
    info->spawner_line = line == MARU_FINALLY_LINE_ ? 0 : line;
}

void hook_tell_spawned(const maru_hooks *hooks, maru_task *task)
{
    maru_task_info info = info_of(task);
    if (!hooks->on_task_spawn)
        return;
    add_spawner(&info);
    hooks->on_task_spawn(hooks->arg, &info);
}

void hook_tell_ended(const maru_hooks *hooks, maru_task *task)
{
    maru_task_info info = info_of(task);
    if (hooks->on_task_end)
        hooks->on_task_end(hooks->arg, &info);
}
