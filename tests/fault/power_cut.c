/* What a power cut leaves of a directory and those in it: what was flushed, and nothing else.
 *
 * LD_PRELOAD=power_cut.so POWER_CUT_DIRECTORY=/what/is/watched POWER_CUT_LEFT=/where/it/goes
 *
 * At each fsync and fdatasync of a file its content is copied as it is then, and its name is known; at that of a
 * directory its names become those that it has then (so a rename that was not followed by one did not happen). After the
 * process was killed, POWER_CUT_LEFT is what a disk would hold: names as symbolic links to contents in `.flushed`.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536

/* Where the content of a file is kept: it has one, whatever it is called. */
static void content_of(const struct stat *file, const char *left, char *copy) {
    snprintf(copy, PATH_MAX, "%s/.flushed", left);
    mkdir(copy, 0700);
    snprintf(copy, PATH_MAX, "%s/.flushed/%lu", left, (unsigned long)file->st_ino);
}

/* Is the copy the beginning of the file, by its last block? Then only what was appended need be copied. */
static int begins_with(int file, int copy, off_t copied) {
    char ours[BLOCK], theirs[BLOCK];
    off_t from = copied > BLOCK ? copied - BLOCK : 0;
    ssize_t length = copied - from;
    return pread(file, theirs, length, from) == length && pread(copy, ours, length, from) == length &&
           !memcmp(ours, theirs, length);
}

static void append(int file, int copy, off_t at) {
    char block[BLOCK];
    ssize_t got;
    for (; (got = pread(file, block, BLOCK, at)) > 0; at += got)
        if (pwrite(copy, block, got, at) != got) abort();
}

static void keep_content(int fd, const struct stat *found, const char *path, const char *left) {
    char copy[PATH_MAX], part[PATH_MAX + 8];
    struct stat copied;
    content_of(found, left, copy);
    int file = open(path, O_RDONLY), old = open(copy, O_RDWR);
    if (file < 0) abort();
    if (old >= 0 && fcntl(fd, F_GETFL) & O_APPEND && !fstat(old, &copied) && begins_with(file, old, copied.st_size)) {
        append(file, old, copied.st_size);
    } else {
        snprintf(part, sizeof part, "%s.part", copy);
        int whole = open(part, O_RDWR | O_CREAT | O_TRUNC, 0600);
        append(file, whole, 0);
        close(whole);
        if (rename(part, copy)) abort();
    }
    if (old >= 0) close(old);
    close(file);
}

static void keep_name(const struct stat *found, const char *name, const char *left) {
    char copy[PATH_MAX], part[PATH_MAX];
    content_of(found, left, copy);
    close(open(copy, O_WRONLY | O_CREAT, 0600)); /* never flushed: it is there, and empty */
    snprintf(part, sizeof part, "%s/.flushed/name", left);
    unlink(part);
    if (symlink(copy, part) || rename(part, name)) abort();
}

static void keep_names(const char *directory, const char *kept, const char *left) {
    char path[PATH_MAX], name[PATH_MAX];
    struct dirent *entry;
    struct stat found;
    DIR *open_directory;
    if ((open_directory = opendir(kept))) {
        while ((entry = readdir(open_directory))) {
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            if (lstat(path, &found) && strcmp(entry->d_name, ".flushed")) unlinkat(dirfd(open_directory), entry->d_name, 0);
        }
        closedir(open_directory);
    }
    if ((open_directory = opendir(directory))) {
        while ((entry = readdir(open_directory))) {
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            snprintf(name, sizeof name, "%s/%s", kept, entry->d_name);
            if (!lstat(path, &found) && S_ISREG(found.st_mode)) keep_name(&found, name, left);
        }
        closedir(open_directory);
    }
}

static void keep(int fd) {
    const char *watched = getenv("POWER_CUT_DIRECTORY"), *left = getenv("POWER_CUT_LEFT");
    char link[64], path[PATH_MAX], kept[PATH_MAX];
    struct stat found;
    if (!watched || !left || fstat(fd, &found)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, watched, strlen(watched)) || access(path, F_OK)) return;
    snprintf(kept, sizeof kept, "%s%s", left, path + strlen(watched));
    if (S_ISDIR(found.st_mode)) keep_names(path, kept, left);
    if (!S_ISREG(found.st_mode)) return;
    keep_content(fd, &found, path, left);
    char *end = strrchr(kept, '/');
    *end = 0;
    mkdir(kept, 0700);
    *end = '/';
    keep_name(&found, kept, left);
}

int fsync(int fd) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
    if (!done) keep(fd);
    return done;
}

int fdatasync(int fd) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
    if (!done) keep(fd);
    return done;
}
