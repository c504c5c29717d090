/* LD_PRELOAD library that makes the disk fail, or the power, at a chosen moment.
 *
 *   FAULT_PATH=TEXT      only calls on paths that contain TEXT count
 *   FAULT_AT=N           the n-th of these calls (from 1) fails: write, fsync, rename, open for
 *                        writing, mkdir, unlink, rmdir, chmod, copy_file_range, ftruncate
 *   FAULT_ERRNO=NUMBER   with this error (default EIO)
 *   FAULT_MODE=error     the call fails; for a write half of it is written first
 *   FAULT_MODE=all       that call and all after it fail, as on a full disk
 *   FAULT_MODE=kill      the process gets SIGKILL in place of the call
 *   FAULT_MODE=power     the power fails in place of the call: whatever was not synced is gone, and the
 *                        process ends. A file whose bytes were not synced is empty; a name (of a new
 *                        file or folder, or after a rename) whose folder was not synced is gone.
 *   FAULT_MODE=power-names   the same, but names stay though their folders were not synced
 *   FAULT_AT=0           the power fails after the process has ended in order
 *   FAULT_COUNT=FILE     how many calls there were is written to FILE in the end
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long count;
static long at = -1;
static int error = EIO, all_after, kill_it, power, keep_names;
static const char *wanted = "/", *count_file;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)

/* What is not durable, oldest first. */
enum kind { NEW_NAME, RENAMED, DIRTY };
struct pending { enum kind kind; dev_t dev; ino_t ino; char path[600]; char old[600]; };
static struct pending *pending;
static size_t pendings, room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int named(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, PATH_MAX - 1);
    if (len < 0 || path[0] != '/') return 0;
    path[len] = 0;
    return strstr(path, wanted) != NULL;
}

static void absolute(const char *path, char *out) {
    char folder[PATH_MAX], real[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    const char *name = slash ? path + (slash - folder) + 1 : path;
    if (slash) *slash = 0;
    if (!realpath(slash ? (folder[0] ? folder : "/") : ".", real)) snprintf(real, sizeof real, "%s", folder);
    snprintf(out, 600, "%.300s/%.290s", real, name);
}

static void note(enum kind kind, const char *path, const char *old, struct stat *st) {
    if (!power) return;
    pthread_mutex_lock(&lock);
    if (kind == DIRTY)
        for (size_t i = 0; i < pendings; i++)
            if (pending[i].kind == DIRTY && pending[i].ino == st->st_ino && pending[i].dev == st->st_dev) {
                pthread_mutex_unlock(&lock);
                return;
            }
    if (pendings == room) pending = realloc(pending, (room = room * 2 + 64) * sizeof *pending);
    struct pending *p = &pending[pendings++];
    memset(p, 0, sizeof *p);
    p->kind = kind;
    if (st) { p->dev = st->st_dev; p->ino = st->st_ino; }
    if (kind == DIRTY) snprintf(p->path, sizeof p->path, "%s", path); else absolute(path, p->path);
    if (old) absolute(old, p->old);
    pthread_mutex_unlock(&lock);
}

static int in_folder(const char *path, const char *folder) {
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && path[len] == '/' && !strchr(path + len + 1, '/');
}

static void synced(int fd) {
    struct stat st;
    char path[PATH_MAX];
    if (!power || fstat(fd, &st) || !named(fd, path)) return;
    pthread_mutex_lock(&lock);
    size_t kept = 0;
    for (size_t i = 0; i < pendings; i++) {
        struct pending *p = &pending[i];
        int done = S_ISDIR(st.st_mode) ? p->kind != DIRTY && in_folder(p->path, path)
                                       : p->kind == DIRTY && p->ino == st.st_ino && p->dev == st.st_dev;
        if (!done) pending[kept++] = *p;
    }
    pendings = kept;
    pthread_mutex_unlock(&lock);
}

static void remove_tree(const char *path) {
    REAL(int, "unlink", const char *);
    struct stat st;
    if (lstat(path, &st)) return;
    if (!S_ISDIR(st.st_mode)) { real(path); return; }
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char below[PATH_MAX];
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        remove_tree(below);
    }
    if (folder) closedir(folder);
    int (*real_rmdir)(const char *) = dlsym(RTLD_NEXT, "rmdir");
    real_rmdir(path);
}

/* Empties the file of this identity, wherever under the folders that were seen it is now. */
static void empty(struct pending *dirty) {
    for (size_t i = 0; i < pendings + 1; i++) {
        const char *path = i < pendings ? pending[i].path : dirty->path;
        struct stat st;
        if (!stat(path, &st) && st.st_ino == dirty->ino && st.st_dev == dirty->dev) {
            chmod(path, 0600);
            if (truncate(path, 0)) perror("truncate");
            chmod(path, st.st_mode & 07777);
        }
    }
}

static void lose_power(void) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < pendings; i++)
        if (pending[i].kind == DIRTY) empty(&pending[i]);
    for (size_t i = pendings; !keep_names && i-- > 0;) {
        if (pending[i].kind == RENAMED) {
            /* What was under the new name before is not remembered: gone is the worse case. */
            remove_tree(pending[i].path);
        } else if (pending[i].kind == NEW_NAME) {
            remove_tree(pending[i].path);
        }
    }
    _exit(137);
}

static void write_count(void) {
    if (!count_file) return;
    int (*o)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    ssize_t (*w)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    char text[32];
    int fd = o(count_file, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd >= 0 && w(fd, text, snprintf(text, sizeof text, "%ld", atomic_load(&count))) > 0) close(fd);
}

__attribute__((constructor)) static void begin(void) {
    const char *mode = getenv("FAULT_MODE");
    if (getenv("FAULT_AT")) at = atol(getenv("FAULT_AT"));
    if (getenv("FAULT_ERRNO")) error = atoi(getenv("FAULT_ERRNO"));
    if (getenv("FAULT_PATH")) wanted = getenv("FAULT_PATH");
    count_file = getenv("FAULT_COUNT");
    if (!mode) return;
    all_after = !strcmp(mode, "all");
    kill_it = !strcmp(mode, "kill");
    power = !strncmp(mode, "power", 5);
    keep_names = !strcmp(mode, "power-names");
}

__attribute__((destructor)) static void end(void) {
    write_count();
    if (power && at == 0) lose_power();
}

/* Whether this call, on a path that counts, is to fail. */
static int fails(void) {
    long number = atomic_fetch_add(&count, 1) + 1;
    if (number != at && !(all_after && at > 0 && number > at)) return 0;
    if (kill_it) { write_count(); raise(SIGKILL); }
    if (power) lose_power();
    errno = error;
    return 1;
}

static int fails_fd(int fd) { char path[PATH_MAX]; return named(fd, path) && fails(); }
static int fails_at(const char *path) {
    char full[600];
    absolute(path, full);
    return strstr(full, wanted) && fails();
}

static void dirty(int fd) {
    struct stat st;
    char path[PATH_MAX];
    if (power && named(fd, path) && !fstat(fd, &st) && S_ISREG(st.st_mode)) note(DIRTY, path, NULL, &st);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (fails_fd(fd)) {
        int saved = errno;
        if (len > 1) { ssize_t half = real(fd, bytes, len / 2); (void)half; }
        errno = saved;
        return -1;
    }
    dirty(fd);
    return real(fd, bytes, len);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (fails_fd(fd)) return -1;
    dirty(fd);
    return real(fd, parts, n);
}
ssize_t copy_file_range(int from, off64_t *x, int to, off64_t *y, size_t len, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    if (fails_fd(to)) return -1;
    dirty(to);
    return real(from, x, to, y, len, flags);
}
int ftruncate64(int fd, off64_t len) {
    REAL(int, "ftruncate64", int, off64_t);
    if (fails_fd(fd)) return -1;
    dirty(fd);
    return real(fd, len);
}
int fsync(int fd) {
    REAL(int, "fsync", int);
    if (fails_fd(fd)) return -1;
    int done = real(fd);
    if (!done) synced(fd);
    return done;
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    if (fails_fd(fd)) return -1;
    int done = real(fd);
    if (!done) synced(fd);
    return done;
}
int fchmod(int fd, mode_t mode) {
    REAL(int, "fchmod", int, mode_t);
    return fails_fd(fd) ? -1 : real(fd, mode);
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    if (fails_at(to)) return -1;
    struct stat before;
    int was_there = !lstat(to, &before);
    int done = real(from, to);
    /* A name that was there before keeps its old file without the sync: no harm, so not noted. */
    if (!done && !was_there) note(RENAMED, to, from, NULL);
    struct stat st;
    if (!done && !stat(to, &st)) {
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < pendings; i++)
            if (pending[i].kind == DIRTY && pending[i].ino == st.st_ino && pending[i].dev == st.st_dev)
                absolute(to, pending[i].path);
        pthread_mutex_unlock(&lock);
    }
    return done;
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    if (fails_at(path)) return -1;
    int done = real(path, mode);
    if (done) return done;
    char full[600];
    absolute(path, full);
    if (strstr(full, wanted)) note(NEW_NAME, path, NULL, NULL);
    return 0;
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return fails_at(path) ? -1 : real(path);
}
int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    return fails_at(path) ? -1 : real(path);
}
static int opened(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    if ((flags & O_ACCMODE) != O_RDONLY && fails_at(path)) return -1;
    return real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open", path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened("open64", path, flags, mode);
}
