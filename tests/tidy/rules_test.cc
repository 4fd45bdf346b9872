// Each rule on a snippet that breaks it, and on one that looks like it and is right.
#include "tidy/rules.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tidy/scopes.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> messages(const Findings& findings) {
  std::vector<std::string> all;
  for (const Finding& finding : findings) all.push_back(finding.message);
  return all;
}

std::vector<std::string> messages(std::string_view path, std::string_view text) {
  return messages(check_file(path, text));
}

TEST(SourceText, BlanksCommentsAndLiteralsAndKeepsLines) {
  EXPECT_EQ(blanked("a // b\nc", Blank::comments), "a     \nc");
  EXPECT_EQ(blanked("a /* b\n */ c", Blank::comments), "a     \n    c");
  EXPECT_EQ(blanked("f(\"// x\");", Blank::comments), "f(\"// x\");");
  EXPECT_EQ(blanked("f(\"a\\\"b\"); g", Blank::comments_and_literals), "f(      ); g");
  EXPECT_EQ(blanked("x = 1'000'000;", Blank::comments_and_literals), "x = 1'000'000;");
  EXPECT_EQ(blanked("c = '\"'; d", Blank::comments_and_literals), "c =    ; d");
  EXPECT_EQ(blanked("R\"x(\" // )x\"; y", Blank::comments_and_literals), "            ; y");
}

TEST(SourceText, FindsWholeWordsOnly) {
  EXPECT_EQ(find_word("renew new", "new"), 6U);
  EXPECT_EQ(find_word("new_one", "new"), std::string_view::npos);
  EXPECT_EQ(find_word("strand(1)", "rand("), std::string_view::npos);
  EXPECT_EQ(find_word("std::rand(1)", "rand("), 5U);
}

TEST(Scopes, TellMembersFromLocals) {
  const Scopes scopes = read_scopes(R"(
namespace a {
class Box final : public Base {
 public:
  explicit Box(int n) : n_(n), bytes_{} { ByteView local; }
  void f(ByteView argument) const { int inner = 0; }
 private:
  ByteView bytes_{};
  std::vector<int> n_ = {1, 2};
};
template <class T>
void free_function(T t) { ByteView local; }
}
)");
  std::vector<std::string> members;
  for (const Member& member : scopes.members) {
    members.push_back(member.class_name + ": " + member.declaration);
  }
  EXPECT_THAT(members, ElementsAre("Box: ByteView bytes_{}", "Box: std::vector<int> n_ = {}"));
  ASSERT_EQ(scopes.functions.size(), 3U);
  EXPECT_THAT(scopes.functions[2].head, HasSubstr("free_function"));
}

TEST(Scopes, CountTheLinesOfAFunction) {
  const Scopes scopes = read_scopes("int f() {\n  if (x) {\n  }\n  return 1;\n}\n");
  ASSERT_EQ(scopes.functions.size(), 1U);
  EXPECT_EQ(scopes.functions[0].line, 1U);
  EXPECT_EQ(scopes.functions[0].lines, 5U);
}

TEST(Scopes, NameWhatAnonymousNamespacesDefine) {
  const Scopes scopes = read_scopes(R"(
int outside = 0;
namespace a {
namespace {
constexpr std::array kTable = {1, 2};
constexpr char kName[] = "x";
using Map = std::map<int, int>;
using std::string;
struct Box {
  int member = 0;
};
enum class Colour : uint8_t { red };
std::function<void(int)> made(int argument = 3) { int local = 0; }
[[nodiscard]] bool declared();
bool operator==(const Box& a, const Box& b) { return true; }
void Other::member() {}
template <class T>
void generic(T t) {}
static_assert(true);
}  // namespace
void visible() {}
}
)");
  std::vector<std::string> names;
  for (const HiddenName& hidden : scopes.hidden) names.push_back(hidden.name);
  EXPECT_THAT(
      names, ElementsAre("kTable", "kName", "Map", "Box", "Colour", "made", "declared", "generic"));
}

TEST(HiddenNames, AreOfOneFileOfAModule) {
  const std::string code = "namespace {\nconstexpr int kMost = 1;\n}\n";
  EXPECT_THAT(
      check_hidden_names({{"src/turn/a.cc", code}, {"src/turn/b.cc", code}}),
      ElementsAre(AllOf(HasSubstr("src/turn/b.cc:2: kMost"), HasSubstr("src/turn/a.cc:2"))));
  EXPECT_THAT(check_hidden_names({{"src/turn/a.cc", code}, {"src/stun/b.cc", code}}), IsEmpty());
  EXPECT_THAT(check_hidden_names({{"src/turn/a.cc", code + code}}), IsEmpty());
  EXPECT_THAT(check_hidden_names({{"tests/a.cc", code}, {"tests/b.cc", code}}), IsEmpty());
  EXPECT_THAT(check_hidden_names({{"src/turn/a.cc", code}, {"src/turn/b.cc", "int kMost = 1;"}}),
              IsEmpty());
}

TEST(Includes, ArrowsPointDownOnly) {
  EXPECT_THAT(messages("src/base/x.cc", "#include \"stun/types.h\"\n"),
              ElementsAre(HasSubstr("base may not depend on stun")));
  EXPECT_THAT(messages("src/stun/x.cc", "#include \"turn/server.h\"\n"),
              ElementsAre(HasSubstr("stun may not depend on turn")));
  EXPECT_THAT(messages("src/turn/x.cc", "#include \"net/socket.h\"\n"),
              ElementsAre(HasSubstr("turn may not depend on net")));
  EXPECT_THAT(messages("src/auth/x.cc", "#include \"auth/store/schema.h\"\n"),
              ElementsAre(HasSubstr("auth may not depend on auth/store")));
  EXPECT_THAT(messages("src/turn/x.cc", "#include \"auth/store/schema.h\"\n"),
              ElementsAre(HasSubstr("turn may not depend on auth/store")));
  EXPECT_THAT(messages("src/server/x.cc", "#include \"nat/publisher.h\"\n"),
              ElementsAre(HasSubstr("server may not depend on nat")));
  EXPECT_THAT(messages("src/turn/x.cc", "#include \"stun/types.h\"\n#include \"turn/y.h\"\n"),
              IsEmpty());
  EXPECT_THAT(messages("src/auth/store/x.cc", "#include \"auth/credentials.h\"\n"), IsEmpty());
  EXPECT_THAT(messages("src/cli/x.cc", "#include \"server/supervisor.h\"\n"), IsEmpty());
  EXPECT_THAT(messages("tests/unit/base/x.cc", "#include \"server/supervisor.h\"\n"), IsEmpty());
}

TEST(Includes, AdminSeesTheControlSurfaceOnly) {
  EXPECT_THAT(messages("src/admin/x.cc", "#include \"server/worker.h\"\n"),
              ElementsAre(HasSubstr("server/control.h only")));
  EXPECT_THAT(messages("src/admin/x.cc", "#include \"server/control.h\"\n"), IsEmpty());
}

TEST(Includes, TheCoreDoesNotLog) {
  for (const std::string_view path : {"src/stun/x.cc", "src/auth/x.cc", "src/turn/x.cc"}) {
    EXPECT_THAT(messages(path, "#include \"base/log.h\"\n"),
                ElementsAre(HasSubstr("the core does not log")));
  }
  EXPECT_THAT(messages("src/auth/store/x.cc", "#include \"base/log.h\"\n"), IsEmpty());
}

TEST(Includes, AreWrittenFromTheSourceFolder) {
  EXPECT_THAT(messages("src/turn/x.cc", "#include \"../stun/types.h\"\n"),
              ElementsAre(HasSubstr("without dots")));
  EXPECT_THAT(messages("src/turn/x.cc", "#include \"request.h\"\n"),
              ElementsAre(HasSubstr("not a header of any module")));
}

TEST(Includes, ThirdPartyHeadersStayInTheirModule) {
  struct Case {
    std::string_view header;
    std::string_view wrong;
    std::string_view right;
  };
  for (const Case& c : {
           Case{"spdlog/spdlog.h", "src/server/x.cc", "src/base/log.cc"},
           Case{"fmt/format.h", "src/turn/x.cc", "src/cli/x.cc"},
           Case{"tl/expected.hpp", "src/net/x.cc", "src/base/result.h"},
           Case{"openssl/evp.h", "src/turn/x.cc", "src/stun/integrity.cc"},
           Case{"event2/event.h", "src/server/x.cc", "src/net/event_loop.cc"},
           Case{"sqlite3.h", "src/cli/x.cc", "src/auth/store/x.cc"},
           Case{"boost/program_options.hpp", "src/server/x.cc", "src/config/x.cc"},
           Case{"prometheus/registry.h", "src/server/x.cc", "src/metrics/x.cc"},
           Case{"nlohmann/json.hpp", "src/server/x.cc", "src/admin/x.cc"},
           Case{"sys/socket.h", "src/server/x.cc", "src/net/socket.cc"},
           Case{"unistd.h", "src/turn/x.cc", "src/net/x.cc"},
           Case{"thread", "src/turn/x.cc", "src/server/x.cc"},
           Case{"iostream", "src/net/x.cc", "src/cli/x.cc"},
           Case{"gtest/gtest.h", "src/turn/x.cc", "tests/unit/turn/x.cc"},
       }) {
    const std::string line = "#include <" + std::string(c.header) + ">\n";
    EXPECT_THAT(messages(c.wrong, line), ElementsAre(HasSubstr("may not be used here"))) << line;
    EXPECT_THAT(messages(check_includes(c.right, line)), IsEmpty()) << line;
  }
  EXPECT_THAT(messages("src/turn/x.cc", "#include <curl/curl.h>\n"),
              ElementsAre(HasSubstr("unknown to the tidy test")));
  EXPECT_THAT(messages("src/turn/x.cc", "#include <vector>\n"), IsEmpty());
  EXPECT_THAT(messages("src/turn/x.cc", "// #include <sys/socket.h>\n"), IsEmpty());
}

TEST(Words, EachBanNamesItsReplacement) {
  struct Case {
    std::string_view path;
    std::string_view code;
    std::string_view message;
  };
  for (const Case& c : {
           Case{"src/turn/x.cc", "auto t = std::chrono::steady_clock::now();", "net/clock.h"},
           Case{"src/net/socket.cc", "system_clock::now()", "net/clock.h"},
           Case{"tests/unit/turn/x.cc", "steady_clock::now()", "net/clock.h"},
           Case{"src/turn/x.cc", "auto t = std::time(nullptr);", "net/clock.h"},
           Case{"src/server/x.h", "std::mutex m;", "base/mailbox.h"},
           Case{"src/net/x.h", "std::condition_variable c;", "base/mailbox.h"},
           Case{"tests/unit/turn/x.cc", "std::this_thread::sleep_for(x);", "Instant"},
           Case{"src/server/x.cc", "usleep(5);", "event loop"},
           Case{"src/turn/x.cc", "reinterpret_cast<char*>(p)", "base/bytes.h"},
           Case{"src/turn/x.cc", "const_cast<char*>(p)", "mutable"},
           Case{"src/net/x.cc", "sprintf(b, f);", "fmt::format"},
           Case{"src/turn/x.cc", "std::printf(f);", "base/log.h"},
           Case{"src/server/x.cc", "std::cerr << 1;", "base/log.h"},
           Case{"src/turn/x.cc", "int r = rand();", "RandomSource"},
           Case{"src/net/x.cc", "RAND_bytes(b, 1);", "RandomSource"},
           Case{"src/turn/x.cc", "std::mt19937 engine;", "RandomSource"},
           Case{"src/auth/x.cc", "std::memcmp(a, b, n)", "constant_time_equal"},
           Case{"src/turn/x.cc", "throw std::runtime_error();", "Result"},
           Case{"src/turn/x.cc", "assert(x);", "CHECK"},
           Case{"src/config/x.cc", "std::stoi(text)", "from_chars"},
           Case{"src/server/x.cc", "std::system(command);", "starts a program"},
           Case{"src/server/x.cc", "out << std::endl;", "n'"},
       }) {
    EXPECT_THAT(messages(check_words(c.path, c.code)), ElementsAre(HasSubstr(c.message))) << c.code;
  }
}

TEST(Words, ExceptionsAndLookalikesAreFree) {
  struct Case {
    std::string_view path;
    std::string_view code;
  };
  for (const Case& c : {
           Case{"src/net/clock.cc", "std::chrono::steady_clock::now()"},
           Case{"src/base/mailbox.h", "std::mutex mutex_;"},
           Case{"src/auth/quota.h", "std::mutex mutex_;"},
           Case{"src/auth/store/x.h", "std::mutex mutex_;"},
           Case{"src/net/x.cc", "reinterpret_cast<sockaddr*>(p)"},
           Case{"src/cli/x.cc", "std::printf(f);"},
           Case{"src/base/random.cc", "RAND_bytes(b, 1);"},
           Case{"src/stun/integrity.cc", "CRYPTO_memcmp(a, b, n)"},
           Case{"src/turn/x.cc", "static_assert(true);"},
           Case{"src/turn/x.cc", "// std::mutex, rand() and throw in a comment"},
           Case{"src/turn/x.cc", "f(\"steady_clock::now\");"},
           Case{"src/turn/x.cc", "int operand(int);"},
       }) {
    EXPECT_THAT(messages(check_words(c.path, c.code)), IsEmpty()) << c.code;
  }
}

TEST(Forms, BorrowedBytesAreNotKept) {
  EXPECT_THAT(messages("src/turn/x.cc", "struct Parked {\n  ByteView packet;\n};\n"),
              ElementsAre(HasSubstr("Parked keeps borrowed bytes")));
  EXPECT_THAT(messages("src/turn/x.cc", "class A {\n  std::vector<ByteSpan> all_;\n};\n"),
              ElementsAre(HasSubstr("A keeps borrowed bytes")));
  EXPECT_EQ(check_file("src/turn/x.cc", "struct P {\n  int a;\n  ByteView b;\n};\n").at(0).line,
            3U);
  EXPECT_THAT(messages("src/stun/message.h",
                       "// What.\n#pragma once\nstruct Attribute {\n  ByteView value;\n};\n"),
              IsEmpty());
  EXPECT_THAT(messages("src/turn/x.cc", "void f() {\n  ByteView local = g();\n}\n"), IsEmpty());
  EXPECT_THAT(messages("src/turn/x.cc", "class A {\n  void f(ByteView bytes);\n};\n"), IsEmpty());
  EXPECT_THAT(messages("src/turn/x.cc", "class A {\n  std::function<void(ByteView)> f_;\n};\n"),
              IsEmpty());
}

TEST(Forms, OnlyWhatCannotChangeIsShared) {
  EXPECT_THAT(messages("src/server/x.cc", "std::shared_ptr<Worker> worker_;"),
              ElementsAre(HasSubstr("one owner")));
  EXPECT_THAT(messages("src/server/x.cc", "std::shared_ptr<const Settings> settings_;"), IsEmpty());
  EXPECT_THAT(messages("src/server/x.cc", "auto s = std::make_shared<Settings>();"), IsEmpty());
}

TEST(Forms, NewAndDeleteStayBehindOwners) {
  EXPECT_THAT(messages("src/net/x.cc", "auto* p = new Thing;"),
              ElementsAre(HasSubstr("naked new")));
  EXPECT_THAT(messages("src/net/x.cc", "delete p;"), ElementsAre(HasSubstr("naked delete")));
  EXPECT_THAT(messages("tests/x.cc", "delete[] p;"), ElementsAre(HasSubstr("naked delete")));
  EXPECT_THAT(messages("src/net/x.cc", "f(new Thing);"), ElementsAre(HasSubstr("naked new")));
  EXPECT_THAT(messages("src/net/x.cc", "A(const A&) = delete;"), IsEmpty());
  EXPECT_THAT(messages("src/net/x.cc", "std::unique_ptr<A> a(new A());"), IsEmpty());
  EXPECT_THAT(messages("src/net/x.cc", "int renew = 1;"), IsEmpty());
  EXPECT_THAT(messages("src/base/slab.h", "// What.\n#pragma once\nnew (&slot) T();"), IsEmpty());
}

TEST(Forms, HeadersSayWhatTheyAre) {
  EXPECT_THAT(messages("src/turn/x.h", "#pragma once\n"), ElementsAre(HasSubstr("a comment")));
  EXPECT_THAT(messages("src/turn/x.h", "// What it is.\nint f();\n"),
              ElementsAre(HasSubstr("#pragma once")));
  EXPECT_THAT(messages("src/turn/x.h", "// What.\n#pragma once\nusing namespace turnpike;\n"),
              ElementsAre(HasSubstr("using namespace")));
  EXPECT_THAT(messages("src/turn/x.h", "// What it is.\n#pragma once\nint f();\n"), IsEmpty());
}

TEST(Forms, NothingIsLeftForLater) {
  for (const std::string_view mark : {"TO"
                                      "DO",
                                      "FIX"
                                      "ME",
                                      "XX"
                                      "X",
                                      "HA"
                                      "CK"}) {
    const std::string text = "// " + std::string(mark) + ": later\n";
    EXPECT_THAT(messages("src/turn/x.cc", text), ElementsAre(HasSubstr("finish it"))) << mark;
    EXPECT_THAT(messages("README.md", text), ElementsAre(HasSubstr("finish it"))) << mark;
  }
}

TEST(Forms, NoPathOfOneMachine) {
  EXPECT_THAT(messages("src/turn/x.cc",
                       "f(\"/t"
                       "mp/x\");"),
              ElementsAre(HasSubstr("one machine")));
  EXPECT_THAT(messages("README.md",
                       "cd /wo"
                       "rk/main"),
              ElementsAre(HasSubstr("one machine")));
  EXPECT_THAT(messages("tests/interop/x.sh",
                       "cd /t"
                       "mp/x"),
              IsEmpty());
}

TEST(BuildLists, EveryFileIsNamedAsAWhole) {
  EXPECT_TRUE(is_listed("a.cc", "add_module(x SOURCES a.cc b.cc)"));
  EXPECT_TRUE(is_listed("b.cc", "add_module(x SOURCES a.cc b.cc)"));
  EXPECT_FALSE(is_listed("c.cc", "add_module(x SOURCES a.cc b.cc)"));
  EXPECT_FALSE(is_listed("a.cc", "add_module(x SOURCES aa.cc a.cc.in)"));
  EXPECT_FALSE(is_listed("a.cc", "# a.cc\n"));
}

TEST(BuildLists, DepsFollowTheTable) {
  EXPECT_THAT(messages("src/turn/CMakeLists.txt",
                       "add_module(turn\n  SOURCES a.cc\n  DEPS base net\n  LIBS net)"),
              ElementsAre(HasSubstr("turn may not depend on net")));
  EXPECT_THAT(messages("src/auth/store/CMakeLists.txt",
                       "add_module(auth_store SOURCES a.cc DEPS base auth LIBS sqlite)"),
              IsEmpty());
}

}  // namespace
}  // namespace turnpike::tidy
