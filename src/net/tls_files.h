// Reads the small files that TLS is configured with, and remembers what they were.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace turnpike::net {

// What tells one state of a file from another without reading it. A renamed-over or re-linked file
// is another inode even when its times are equal.
struct FileStamp {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;  // Rights and their lists too: who may not read a file may be let later.
  mode_t mode = 0;

  // False too when the file can't be looked at any more.
  [[nodiscard]] bool still_true() const;
  // Of a file as it is now; one that can't be looked at has a stamp, too, that stays the same.
  static FileStamp take(const std::string& path);

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// The whole of a regular file of at most 1 MiB; its stamp is added to `stamps` before a byte is
// read, so a write that comes between is seen as a change later. The error names the path, the
// reason and the user who tried.
Result<std::string, std::string> read_tls_file(const std::string& path,
                                               std::vector<FileStamp>& stamps);

// The name of the user whose rights this process has, or its number.
std::string effective_user();

}  // namespace turnpike::net
