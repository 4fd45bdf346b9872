#include "net/gathering.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/syscall.h>

namespace turnpike::net {
namespace {

// The program reads a v4 address into the last word and the rest of its v4-mapped form beside it,
// so the key is what Ip::bytes() holds.
struct AddressKey {
  std::array<uint8_t, 16> ip;
  uint32_t port;  // In the host's order, as the kernel tells it to the program.
};
static_assert(sizeof(AddressKey) == 20);

AddressKey key_of(const Endpoint& local) {
  return {.ip = local.ip.bytes(), .port = local.port};
}

int call(bpf_cmd command, bpf_attr& attr) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof(attr)));
}

template <typename Pointee>
uint64_t address_of(const Pointee* value) {
  return reinterpret_cast<uintptr_t>(value);
}

template <typename Key>
int update(int map, const Key& key, uint32_t value) {
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(map);
  attr.key = address_of(&key);
  attr.value = address_of(&value);
  return call(BPF_MAP_UPDATE_ELEM, attr) == 0 ? 0 : errno;
}

Fd make_map(bpf_map_type type, uint32_t key_size, uint32_t entries, uint32_t flags) {
  bpf_attr attr{};
  attr.map_type = type;
  attr.key_size = key_size;
  attr.value_size = sizeof(uint32_t);
  attr.max_entries = entries;
  attr.map_flags = flags;
  return Fd(call(BPF_MAP_CREATE, attr));
}

// ---- the program -------------------------------------------------------------------------------

using Register = uint8_t;
constexpr Register kResult = BPF_REG_0;
constexpr Register kFirst = BPF_REG_1;
constexpr Register kSecond = BPF_REG_2;
constexpr Register kThird = BPF_REG_3;
constexpr Register kContext = BPF_REG_6;
constexpr Register kSocket = BPF_REG_7;
constexpr Register kStack = BPF_REG_10;

// Writes instructions one after the other. Jumps lead forward only, to a place that is named when
// it has been reached.
class Assembler {
 public:
  enum class Label : uint8_t { v6_address, look_up, pass };

  void copy(Register to, Register from) { put(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void set(Register to, int value) { put(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
  void load(Register to, Register from, size_t offset) {
    put(BPF_LDX | BPF_MEM | BPF_W, to, from, static_cast<int>(offset), 0);
  }
  void store(int on_stack, Register from) {
    put(BPF_STX | BPF_MEM | BPF_W, kStack, from, on_stack, 0);
  }
  void store_value(int on_stack, uint32_t value) {
    put(BPF_ST | BPF_MEM | BPF_W, kStack, 0, on_stack, static_cast<int>(value));
  }
  void call(int helper) { put(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
  void exit() { put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

  // kResult is the value in the map for the key at that place of the stack, or null.
  void look_up(int map, int key_on_stack) {
    put(BPF_LD | BPF_DW, kFirst, BPF_PSEUDO_MAP_FD, 0, map);
    put(0, 0, 0, 0, 0);  // The upper half of that value.
    copy(kSecond, kStack);
    put(BPF_ALU64 | BPF_ADD, kSecond, 0, 0, key_on_stack);
    call(BPF_FUNC_map_lookup_elem);
  }

  void jump_if(Register tested, int value, Label to) { jump(BPF_JEQ | BPF_K, tested, value, to); }
  void jump_unless(Register tested, int value, Label to) {
    jump(BPF_JNE | BPF_K, tested, value, to);
  }
  void jump(Label to) { jump(BPF_JA, 0, 0, to); }
  void here(Label label) {
    for (const Jump& jump : jumps_) {
      if (jump.to != label) continue;
      code_[jump.at].off = static_cast<int16_t>(code_.size() - jump.at - 1);
    }
  }

  [[nodiscard]] const std::vector<bpf_insn>& code() const { return code_; }

 private:
  struct Jump {
    size_t at;
    Label to;
  };
  void put(int code, Register to, Register from, int offset, int value) {
    code_.push_back({.code = static_cast<uint8_t>(code),
                     .dst_reg = to,
                     .src_reg = from,
                     .off = static_cast<int16_t>(offset),
                     .imm = value});
  }
  void jump(int condition, Register tested, int value, Label to) {
    jumps_.push_back({code_.size(), to});
    put(BPF_JMP | condition, tested, 0, 0, value);
  }

  std::vector<bpf_insn> code_;
  std::vector<Jump> jumps_;
};

std::vector<bpf_insn> write_program(int addresses, int sockets) {
  using Label = Assembler::Label;
  constexpr int kKey = -static_cast<int>(sizeof(AddressKey));
  constexpr int kSlot = kKey - 4;
  Assembler code;
  code.copy(kContext, kFirst);
  code.load(kSecond, kContext, offsetof(bpf_sk_lookup, protocol));
  code.jump_unless(kSecond, IPPROTO_UDP, Label::pass);
  code.load(kSecond, kContext, offsetof(bpf_sk_lookup, local_port));
  code.store(kKey + 16, kSecond);
  code.load(kSecond, kContext, offsetof(bpf_sk_lookup, family));
  code.jump_if(kSecond, AF_INET6, Label::v6_address);
  code.store_value(kKey, 0);
  code.store_value(kKey + 4, 0);
  code.store_value(kKey + 8, htonl(0xffff));
  code.load(kSecond, kContext, offsetof(bpf_sk_lookup, local_ip4));
  code.store(kKey + 12, kSecond);
  code.jump(Label::look_up);
  code.here(Label::v6_address);
  for (int word = 0; word < 16; word += 4) {
    code.load(kSecond, kContext, offsetof(bpf_sk_lookup, local_ip6) + static_cast<size_t>(word));
    code.store(kKey + word, kSecond);
  }
  code.here(Label::look_up);
  code.look_up(addresses, kKey);
  code.jump_if(kResult, 0, Label::pass);
  code.load(kSecond, kResult, 0);
  code.store(kSlot, kSecond);
  code.look_up(sockets, kSlot);
  code.jump_if(kResult, 0, Label::pass);
  code.copy(kSocket, kResult);
  code.copy(kFirst, kContext);
  code.copy(kSecond, kSocket);
  code.set(kThird, 0);
  code.call(BPF_FUNC_sk_assign);
  code.copy(kFirst, kSocket);
  code.call(BPF_FUNC_sk_release);
  // Whatever became of it: a datagram that no socket was chosen for goes where it always went.
  code.here(Label::pass);
  code.set(kResult, SK_PASS);
  code.exit();
  return code.code();
}

Fd load_program(int addresses, int sockets) {
  const std::vector<bpf_insn> program = write_program(addresses, sockets);
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
  attr.expected_attach_type = BPF_SK_LOOKUP;
  attr.insns = address_of(program.data());
  attr.insn_cnt = static_cast<uint32_t>(program.size());
  attr.license = address_of("BSD");
  return Fd(call(BPF_PROG_LOAD, attr));
}

}  // namespace

Result<Gathering, SysError> Gathering::start() {
  Gathering made;
  made.addresses_ =
      make_map(BPF_MAP_TYPE_HASH, sizeof(AddressKey), kMaxAddresses, BPF_F_NO_PREALLOC);
  if (!made.addresses_) return unexpected(last_error("make a BPF map of addresses"));
  made.sockets_ = make_map(BPF_MAP_TYPE_SOCKMAP, sizeof(uint32_t), kMaxSockets, 0);
  if (!made.sockets_) return unexpected(last_error("make a BPF map of sockets"));
  const Fd program = load_program(made.addresses_.get(), made.sockets_.get());
  if (!program) return unexpected(last_error("load the SK_LOOKUP program"));
  const Fd space(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!space) return unexpected(last_error("open /proc/self/ns/net"));
  bpf_attr attr{};
  attr.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attr.link_create.target_fd = static_cast<uint32_t>(space.get());
  attr.link_create.attach_type = BPF_SK_LOOKUP;
  made.link_ = Fd(call(BPF_LINK_CREATE, attr));
  if (!made.link_) return unexpected(last_error("attach the SK_LOOKUP program"));
  return made;
}

int Gathering::put_socket(uint32_t slot, int fd) const {
  return update(sockets_.get(), slot, static_cast<uint32_t>(fd));
}

int Gathering::add(const Endpoint& local, uint32_t slot) const {
  return update(addresses_.get(), key_of(local), slot);
}

void Gathering::remove(const Endpoint& local) const {
  const AddressKey key = key_of(local);
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(addresses_.get());
  attr.key = address_of(&key);
  call(BPF_MAP_DELETE_ELEM, attr);
}

int Gathering::try_map() const {
  // No datagram comes to port 0.
  const Endpoint nowhere;
  const int error = add(nowhere, 0);
  if (error == 0) remove(nowhere);
  return error;
}

}  // namespace turnpike::net
