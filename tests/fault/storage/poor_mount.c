/* A mount that can do little, for LD_PRELOAD. POOR_MOUNT names what fails below POOR_DIRECTORY:
   nolock: flock says ENOLCK; nfslock: flock wants a writable descriptor (EBADF); nodirsync: fsync of a directory says
   EINVAL; exdev: rename into recovered/ says EXDEV; norename: rename says ENOSPC; nostat: statvfs knows nothing. The file named in POOR_DIRECTORY/../stale is a stale handle. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int has(const char *what) {
  const char *wanted = getenv("POOR_MOUNT");
  return wanted != NULL && strstr(wanted, what) != NULL;
}

static int below(const char *path) {
  const char *directory = getenv("POOR_DIRECTORY");
  return directory != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

static int is_below(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

static int fail(int code) { errno = code; return -1; }

int flock(int descriptor, int operation) {
  if (is_below(descriptor)) {
    if (has("nolock")) return fail(ENOLCK);
    int is_writable = (fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY;
    if (has("nfslock") && (operation & 2) && !is_writable) return fail(EBADF);
  }
  int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
  return real(descriptor, operation);
}

int fsync(int descriptor) {
  struct stat found;
  if (has("nodirsync") && is_below(descriptor) && fstat(descriptor, &found) == 0 && S_ISDIR(found.st_mode))
    return fail(EINVAL);
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  return real(descriptor);
}

int rename(const char *from, const char *to) {
  if (below(to) && has("norename")) return fail(ENOSPC);
  if (below(to) && has("exdev") && (strstr(from, "/recovered/") != NULL) != (strstr(to, "/recovered/") != NULL))
    return fail(EXDEV);
  int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  return real(from, to);
}

int link(const char *from, const char *to) {
  if (below(to)) return fail(EPERM);
  int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "link");
  return real(from, to);
}

int statvfs(const char *path, struct statvfs *found) {
  int (*real)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
  int status = real(path, found);
  if (status == 0 && below(path) && has("nostat")) found->f_blocks = found->f_bfree = found->f_bavail = 0;
  return status;
}
int statvfs64(const char *path, struct statvfs64 *found) {
  int (*real)(const char *, struct statvfs64 *) = dlsym(RTLD_NEXT, "statvfs64");
  int status = real(path, found);
  if (status == 0 && below(path) && has("nostat")) found->f_blocks = found->f_bfree = found->f_bavail = 0;
  return status;
}

static int is_stale(int descriptor) {
  char name[4096], link[64], path[4096];
  const char *directory = getenv("POOR_DIRECTORY");
  if (directory == NULL || !is_below(descriptor)) return 0;
  snprintf(name, sizeof name, "%s/../stale", directory);
  FILE *file = fopen(name, "r");
  if (file == NULL) return 0;
  size_t length = fread(name, 1, sizeof name - 1, file);
  name[length] = 0;
  fclose(file);
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t found = readlink(link, path, sizeof path - 1);
  if (found < 0 || length == 0) return 0;
  path[found] = 0;
  return strstr(path, name) != NULL;
}

int fstat(int descriptor, struct stat *found) {
  if (is_stale(descriptor)) return fail(ESTALE);
  int (*real)(int, struct stat *) = dlsym(RTLD_NEXT, "fstat");
  return real(descriptor, found);
}

int fstat64(int descriptor, struct stat64 *found) {
  if (is_stale(descriptor)) return fail(ESTALE);
  int (*real)(int, struct stat64 *) = dlsym(RTLD_NEXT, "fstat64");
  return real(descriptor, found);
}

ssize_t pread(int descriptor, void *into, size_t size, off_t at) {
  if (is_stale(descriptor)) return fail(ESTALE);
  ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, "pread");
  return real(descriptor, into, size, at);
}

ssize_t pread64(int descriptor, void *into, size_t size, off64_t at) {
  if (is_stale(descriptor)) return fail(ESTALE);
  ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
  return real(descriptor, into, size, at);
}
