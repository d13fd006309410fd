/* What a power cut leaves of a directory: at each fsync and fdatasync of a file in it, the file is copied as it is then;
 * at that of the directory, the copies of what is no longer there go.
 *
 * LD_PRELOAD=power_cut.so POWER_CUT_DIRECTORY=/what/is/watched POWER_CUT_LEFT=/where/the/copies/go
 *
 * After the process was killed, POWER_CUT_LEFT holds what a disk would that lost every write that was not flushed.
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

static void forget(const char *directory, const char *left) {
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *copies = opendir(left);
    while (copies && (entry = readdir(copies))) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (access(path, F_OK)) unlinkat(dirfd(copies), entry->d_name, 0);
    }
    if (copies) closedir(copies);
}

static void keep(int fd) {
    const char *directory = getenv("POWER_CUT_DIRECTORY"), *left = getenv("POWER_CUT_LEFT");
    char link[64], path[PATH_MAX], copy[PATH_MAX + 16], part[PATH_MAX + 32], block[65536];
    struct stat found;
    if (!directory || !left || fstat(fd, &found)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, directory, strlen(directory))) return;
    if (S_ISDIR(found.st_mode)) forget(directory, left);
    if (!S_ISREG(found.st_mode)) return;
    snprintf(copy, sizeof copy, "%s/%s", left, strrchr(path, '/') + 1);
    snprintf(part, sizeof part, "%s.part", copy);
    int from = open(path, O_RDONLY), to = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;
    while ((got = read(from, block, sizeof block)) > 0)
        if (write(to, block, got) != got) abort();
    close(from);
    close(to);
    if (rename(part, copy)) abort();
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
