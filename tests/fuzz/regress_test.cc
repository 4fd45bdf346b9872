// Replays every input of the corpora, and every input that once crashed a target, in the ordinary
// build. One test an input, so that a crash names it.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#define X(name) extern "C" int fuzz_##name(const uint8_t* data, size_t size);
#include "fuzz_targets.inc"
#undef X

namespace turnpike::fuzz {
namespace {

struct Target {
  std::string name;
  int (*run)(const uint8_t* data, size_t size);
};

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
#define X(name) {#name, fuzz_##name},
#include "fuzz_targets.inc"
#undef X
  };
  return all;
}

struct Input {
  Target target;
  std::filesystem::path file;
};

void PrintTo(const Input& input, std::ostream* out) {
  *out << input.file;
}

std::vector<Input> inputs() {
  std::vector<Input> all;
  for (const Target& target : targets()) {
    for (const char* kind : {"corpus", "crashers"}) {
      const auto folder = std::filesystem::path(TURNPIKE_FUZZ_DIR) / kind / target.name;
      if (!std::filesystem::is_directory(folder)) continue;
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        all.push_back({target, entry.path()});
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const Input& a, const Input& b) { return a.file < b.file; });
  return all;
}

std::string test_name(const ::testing::TestParamInfo<Input>& input) {
  std::string name = input.param.target.name + "_" + input.param.file.filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

class FuzzRegress : public ::testing::TestWithParam<Input> {};

TEST_P(FuzzRegress, SurvivesTheInput) {
  std::ifstream file(GetParam().file, std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
  // A copy of the exact size on the heap, so that a sanitizer sees a read past the end.
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  EXPECT_EQ(GetParam().target.run(bytes.data(), bytes.size()), 0);
}

INSTANTIATE_TEST_SUITE_P(Corpus, FuzzRegress, ::testing::ValuesIn(inputs()), test_name);

class FuzzTarget : public ::testing::TestWithParam<Target> {};

TEST_P(FuzzTarget, HasACorpus) {
  const auto folder = std::filesystem::path(TURNPIKE_FUZZ_DIR) / "corpus" / GetParam().name;
  EXPECT_TRUE(std::filesystem::is_directory(folder)) << folder;
}

TEST_P(FuzzTarget, SurvivesTheEmptyInput) {
  const uint8_t nothing = 0;
  EXPECT_EQ(GetParam().run(&nothing, 0), 0);
}

INSTANTIATE_TEST_SUITE_P(All, FuzzTarget, ::testing::ValuesIn(targets()),
                         [](const auto& target) { return target.param.name; });

}  // namespace
}  // namespace turnpike::fuzz
