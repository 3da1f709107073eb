/* budget.h - internal face of budget.c. */
#ifndef MARU_TASK_BUDGET_H
#define MARU_TASK_BUDGET_H

#include "maru/frame.h"

/* True if the frame runs in a section without a budget. The runner, when the budget is spent. */
bool budget_is_free(const maru_frame *frame);

#endif
