/* A clock that goes slower for one program: what it is told of the time, and how long its waits last. Linux, glibc.

   For measurements on the wall clock on a machine that does something else as well: with SLOW=0.1 a program has ten
   times the processor time for each of its seconds. Server and client are both run with it, with the same factor.

   cc -O2 -shared -fPIC -o slow_clock.so benchmarks/slow_clock.c
   LD_PRELOAD=$PWD/slow_clock.so SLOW=0.1 microturn serve

   Times of this clock go on from the moment at which the program began. What no Python program here waits with
   (timerfd, setitimer, futexes of other runtimes) keeps real time. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

typedef __int128 ns_t;

#define CLOCKS 8
#define SECOND 1000000000

/* The next definition of a function after this library's own, looked up once. */
#define REAL(name) \
    static __typeof__(&name) real_##name; \
    if (!real_##name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static double factor;
static ns_t began[CLOCKS];

static ns_t from(const struct timespec *t) { return (ns_t)t->tv_sec * SECOND + t->tv_nsec; }

static struct timespec to(ns_t ns) {
    if (ns < 0) ns = 0;
    return (struct timespec){.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};
}

static int slowed(clockid_t clock) {
    return clock >= 0 && clock < CLOCKS && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static int real_time(clockid_t clock, struct timespec *t) {
    REAL(clock_gettime);
    return real_clock_gettime(clock, t);
}

__attribute__((constructor)) static void begin(void) {
    if (factor) return;
    for (clockid_t clock = 0; clock < CLOCKS; clock++) {
        struct timespec t;
        if (slowed(clock) && !real_time(clock, &t)) began[clock] = from(&t);
    }
    const char *asked = getenv("SLOW");
    factor = asked ? atof(asked) : 1.0;
    if (factor <= 0.0) factor = 1.0;
}

/* When it really is, where this clock shows `told`. */
static struct timespec really(clockid_t clock, const struct timespec *told) {
    begin();
    return slowed(clock) ? to(began[clock] + (ns_t)((double)(from(told) - began[clock]) / factor)) : *told;
}

static int longer_ms(int ms) {
    begin();
    return ms <= 0 ? ms : (int)(ms / factor + 0.999);
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    begin();
    int failed = real_time(clock, t);
    if (!failed && slowed(clock)) *t = to(began[clock] + (ns_t)((double)(from(t) - began[clock]) * factor));
    return failed;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *asked, struct timespec *rest) {
    REAL(clock_nanosleep);
    begin();
    if (!slowed(clock)) return real_clock_nanosleep(clock, flags, asked, rest);
    struct timespec t = flags & TIMER_ABSTIME ? really(clock, asked) : to((ns_t)((double)from(asked) / factor));
    return real_clock_nanosleep(clock, flags, &t, rest);
}

int nanosleep(const struct timespec *asked, struct timespec *rest) {
    errno = clock_nanosleep(CLOCK_MONOTONIC, 0, asked, rest);
    return errno ? -1 : 0;
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until) {
    REAL(sem_clockwait);
    struct timespec t = really(clock, until);
    return real_sem_clockwait(semaphore, clock, &t);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    REAL(sem_timedwait);
    struct timespec t = really(CLOCK_REALTIME, until);
    return real_sem_timedwait(semaphore, &t);
}

/* Which clock a condition goes by is not told here: a time since 1970 is far from one since the machine began. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) *(void **)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    begin();
    clockid_t clock = from(until) > began[CLOCK_REALTIME] / 2 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    struct timespec t = really(clock, until);
    return real(condition, mutex, &t);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms) {
    REAL(epoll_wait);
    return real_epoll_wait(epoll, events, most, longer_ms(timeout_ms));
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout_ms, const sigset_t *signals) {
    REAL(epoll_pwait);
    return real_epoll_pwait(epoll, events, most, longer_ms(timeout_ms), signals);
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms) {
    REAL(poll);
    return real_poll(files, count, longer_ms(timeout_ms));
}

int select(int count, fd_set *reads, fd_set *writes, fd_set *errors, struct timeval *timeout) {
    REAL(select);
    if (!timeout) return real_select(count, reads, writes, errors, NULL);
    begin();
    double us = (timeout->tv_sec * 1e6 + timeout->tv_usec) / factor;
    struct timeval t = {.tv_sec = (time_t)(us / 1e6), .tv_usec = (suseconds_t)(us - 1e6 * (time_t)(us / 1e6))};
    return real_select(count, reads, writes, errors, &t);
}
