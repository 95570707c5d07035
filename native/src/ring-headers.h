// The kernel's header of io_uring(7), also where it is older than what is used of it: the kernel that runs decides.
// LUNARRAY_RING is 0 where the header is older than Linux 5.6, which had not these operations yet.
#pragma once

#include <linux/version.h>

#define LUNARRAY_RING (LINUX_VERSION_CODE >= KERNEL_VERSION(5, 6, 0))

#if LUNARRAY_RING
#include <linux/io_uring.h>

#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_ASYNC_CANCEL_ALL
#define IORING_ASYNC_CANCEL_ALL (1U << 0)
#endif
#ifndef IORING_ASYNC_CANCEL_ANY
#define IORING_ASYNC_CANCEL_ANY (1U << 2)
#endif
#endif
