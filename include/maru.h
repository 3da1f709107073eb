/* maru.h - everything: the plain layer by noun and, in C, the vocabulary of async functions. */
#ifndef MARU_H
#define MARU_H

#include "maru/abi.h"
#include "maru/blocking.h"
#include "maru/dump.h"
#include "maru/endpoint.h"
#include "maru/err.h"
#include "maru/frame.h"
#include "maru/future.h"
#include "maru/hooks.h"
#include "maru/host.h"
#include "maru/interval.h"
#include "maru/join_set.h"
#include "maru/local.h"
#include "maru/metrics.h"
#include "maru/net.h"
#include "maru/resolve.h"
#include "maru/runtime.h"
#include "maru/scope.h"
#include "maru/signal.h"
#include "maru/size.h"
#include "maru/sockopt.h"
#include "maru/stream.h"
#include "maru/task.h"
#include "maru/time.h"

#ifndef __cplusplus
#include "maru/async.h"
#endif

#endif
