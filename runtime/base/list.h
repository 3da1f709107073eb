/* list.h - a circular, doubly linked, intrusive list. An empty head points at itself; a node
 * that is in no list has next_ NULL. Its user's lock guards it. */
#ifndef MARU_BASE_LIST_H
#define MARU_BASE_LIST_H

#include "maru/future.h"

#define container_of(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(maru_link *head)
{
    head->next_ = head->prev_ = head;
}

static inline bool list_is_empty(const maru_link *head)
{
    return head->next_ == head;
}

static inline bool list_is_linked(const maru_link *node)
{
    return node->next_ != NULL;
}

static inline void list_append(maru_link *head, maru_link *node)
{
    node->next_ = head;
    node->prev_ = head->prev_;
    head->prev_->next_ = node;
    head->prev_ = node;
}

static inline void list_remove(maru_link *node)
{
    node->next_->prev_ = node->prev_;
    node->prev_->next_ = node->next_;
    node->next_ = node->prev_ = NULL;
}

/* Moves everything of `from` to the empty, possibly uninitialised `to`. */
static inline void list_move(maru_link *to, maru_link *from)
{
    list_init(to);
    if (list_is_empty(from))
        return;
    *to = *from;
    to->next_->prev_ = to->prev_->next_ = to;
    list_init(from);
}

#endif
