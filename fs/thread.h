#ifndef PF_THREAD_H
#define PF_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals: they are the main thread's. Returns 0 or an errno value, as pthread_create. */
int thread_start(pthread_t *thread, void *(*main)(void *), void *arg);

#endif
