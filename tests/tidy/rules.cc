#include "tidy/rules.h"

#include <algorithm>
#include <array>

#include "tidy/scopes.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

struct ViewType {
  std::string_view name;
  std::string_view file;
};

// Types whose whole purpose is to look at somebody else's bytes, and that live no longer than the
// call or the batch which has those bytes; each says so where it is declared.
constexpr std::array kViewTypes = std::to_array<ViewType>({
    {"Attribute", "src/stun/message.h"},
    {"Challenge", "src/client/long_term_client"},
    {"ChannelData", "src/stun/channel_data.h"},
    {"DatagramCall", "src/net/datagram_bio.h"},
    {"Frame", "src/stun/stream_framer.h"},
    {"Iterator", "src/stun/message.h"},
    {"MessageView", "src/stun/message.h"},
    {"PeerDataView", "src/client/events.h"},
    {"Received", "src/net/plain_udp.h"},
    {"Received", "src/net/raw_udp.h"},
    {"Record", "src/net/dtls_channel.cc"},
    {"Reply", "src/turn/respond.cc"},
    {"RxDatagram", "src/net/datagram_io.h"},
    {"StreamPipe", "src/net/tls_channel.cc"},
    {"StreamRead", "src/net/tcp.h"},
    {"ToClient", "src/turn/outbox.h"},
    {"ToOwner", "src/turn/outbox.h"},
    {"ToPeer", "src/turn/outbox.h"},
    {"ToWorker", "src/turn/outbox.h"},
    {"TxItem", "src/net/tx_batch.h"},
    {"UdpSegment", "src/net/raw_udp.h"},
    {"WireReader", "src/base/wire.h"},
    {"WireWriter", "src/base/wire.h"},
});

bool is_view_type(std::string_view name, std::string_view path) {
  return std::any_of(kViewTypes.begin(), kViewTypes.end(), [&](const ViewType& type) {
    return type.name == name && path.starts_with(type.file);
  });
}

void check_view_members(std::string_view path, const Scopes& scopes, Findings& findings) {
  if (!path.starts_with("src/")) return;
  for (const Member& member : scopes.members) {
    const bool view = find_word(member.declaration, "ByteView") != kNone ||
                      find_word(member.declaration, "ByteSpan") != kNone;
    const bool plain = member.declaration.find('(') == kNone &&
                       !member.declaration.starts_with("using ") &&
                       !member.declaration.starts_with("static ");
    if (view && plain && !is_view_type(member.class_name, path)) {
      findings.push_back(
          {member.line, member.class_name +
                            " keeps borrowed bytes: copy them into something with a cap, or name "
                            "it in kViewTypes of tests/tidy/rules.cc"});
    }
  }
}

void check_shared_pointers(std::string_view path, std::string_view code, Findings& findings) {
  if (!path.starts_with("src/") || path == "src/base/log.cc") return;
  constexpr std::string_view kWord = "shared_ptr<";
  for (size_t at = find_word(code, kWord); at != kNone; at = find_word(code, kWord, at + 1)) {
    if (trimmed(code.substr(at + kWord.size())).starts_with("const ")) continue;
    findings.push_back({line_of(code, at),
                        "shared_ptr to what can change: give it one owner, or share an immutable "
                        "snapshot (shared_ptr<const T>)"});
  }
}

// "unique_ptr<T> name(new T(...))" is how a class with a private constructor is made.
bool goes_into_a_pointer(std::string_view code, size_t at) {
  const std::string_view before = trimmed(code.substr(0, at));
  const size_t start = before.find_last_of(";{}");
  return before.ends_with('(') && before.substr(start == kNone ? 0 : start).find("_ptr<") != kNone;
}

void check_new_and_delete(std::string_view path, std::string_view code, Findings& findings) {
  // The two places that are about raw memory.
  if (path == "src/base/slab.h" || path == "tests/support/allocation_guard.cc") return;
  for (const std::string_view word : {"new", "delete"}) {
    for (size_t at = find_word(code, word); at != kNone; at = find_word(code, word, at + 1)) {
      const std::string_view before = trimmed(code.substr(0, at));
      if (before.ends_with("operator")) continue;
      if (word == "delete" && before.ends_with('=')) continue;
      if (word == "new" && (before.ends_with("#include <") || goes_into_a_pointer(code, at))) {
        continue;
      }
      findings.push_back(
          {line_of(code, at), "naked " + std::string(word) + ": use std::make_unique or a value"});
    }
  }
}

void check_header(std::string_view path, std::string_view text, Findings& findings) {
  if (!path.ends_with(".h")) return;
  if (!text.starts_with("//")) {
    findings.push_back({1, "a header begins with a comment that says what it is"});
  }
  const std::string code = blanked(text, Blank::comments_and_literals);
  if (!trimmed(code).starts_with("#pragma once")) {
    findings.push_back({1, "#pragma once is missing"});
  }
  if (const size_t at = find_word(code, "using namespace"); at != kNone) {
    findings.push_back({line_of(code, at), "using namespace in a header"});
  }
}

// Of all text files, comments and strings included.
void check_marks(std::string_view path, std::string_view text, Findings& findings) {
  // Cut in two, so that this file does not hold them.
  for (const std::string_view mark : {"TO"
                                      "DO",
                                      "FIX"
                                      "ME",
                                      "XX"
                                      "X",
                                      "HA"
                                      "CK"}) {
    if (const size_t at = find_word(text, mark); at != kNone) {
      findings.push_back({line_of(text, at), std::string(mark) + ": finish it or leave it out"});
    }
  }
  std::vector<std::string_view> folders = {
      "/wo"
      "rk/"};
  if (path.starts_with("src/"))
    folders.push_back(
        "/t"
        "mp/");
  for (const std::string_view folder : folders) {
    if (const size_t at = text.find(folder); at != kNone) {
      findings.push_back({line_of(text, at), std::string(folder) + ": a path of one machine"});
    }
  }
}

bool is_code(std::string_view path) {
  return path.ends_with(".cc") || path.ends_with(".h");
}

}  // namespace

Findings check_forms(std::string_view path, std::string_view text) {
  Findings findings;
  check_marks(path, text, findings);
  if (!is_code(path)) return findings;
  const std::string code = blanked(text, Blank::comments_and_literals);
  check_view_members(path, read_scopes(text), findings);
  check_shared_pointers(path, code, findings);
  check_new_and_delete(path, code, findings);
  check_header(path, text, findings);
  return findings;
}

Findings check_file(std::string_view path, std::string_view text) {
  Findings all = check_forms(path, text);
  if (is_code(path)) {
    for (const auto& check : {check_includes, check_words}) {
      const Findings more = check(path, text);
      all.insert(all.end(), more.begin(), more.end());
    }
  }
  if (path.starts_with("src/") && path.ends_with("CMakeLists.txt")) {
    const Findings more = check_module_deps(text);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace turnpike::tidy
