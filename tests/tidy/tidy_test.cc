// The rules of tests/tidy/rules.h on every file of the tree.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "support/source_tree.h"
#include "tidy/rules.h"
#include "tidy/scopes.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

namespace fs = std::filesystem;

using Tree = std::map<std::string, std::string>;  // Path from the root, text.

bool is_text(const fs::path& path) {
  constexpr std::array kSuffixes = {".cc", ".h",   ".txt",  ".md", ".sh",
                                    ".py", ".yml", ".conf", ".c",  ".cmake"};
  const std::string suffix = path.extension().string();
  return std::find(kSuffixes.begin(), kSuffixes.end(), suffix) != kSuffixes.end();
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Tree read_tree() {
  const fs::path root = turnpike::testing::source_tree();
  Tree tree;
  for (const char* top : {"src", "include", "tests", "bench", "etc", "docker"}) {
    if (!fs::is_directory(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string path = fs::relative(entry.path(), root).generic_string();
      if (path.starts_with("tests/fuzz/corpus/") || path.starts_with("tests/fuzz/crashers/")) {
        continue;
      }
      if (entry.is_regular_file() && is_text(entry.path())) tree[path] = read(entry.path());
    }
  }
  for (const char* file : {"README.md", "CMakeLists.txt"}) {
    if (fs::exists(root / file)) tree[file] = read(root / file);
  }
  return tree;
}

const Tree& tree() {
  static const Tree all = read_tree();
  return all;
}

TEST(Tidy, EveryFileFollowsTheRules) {
  ASSERT_TRUE(tree().contains("src/base/endpoint.cc"));
  for (const auto& [path, text] : tree()) {
    for (const Finding& finding : check_file(path, text)) {
      ADD_FAILURE() << path << ":" << finding.line << ": " << finding.message;
    }
  }
}

TEST(Tidy, NoNameIsHiddenTwiceInAModule) {
  for (const std::string& finding : check_hidden_names(tree())) ADD_FAILURE() << finding;
}

// The build file of the folder itself, or of one above it with the path from there.
bool is_built(const std::string& path) {
  std::string folder = path;
  while (folder.find('/') != std::string::npos) {
    folder.resize(folder.rfind('/'));
    const auto list = tree().find(folder + "/CMakeLists.txt");
    if (list == tree().end()) continue;
    return is_listed(std::string_view(path).substr(folder.size() + 1), list->second);
  }
  return false;
}

TEST(Tidy, EverySourceFileIsInItsBuildList) {
  for (const auto& [path, text] : tree()) {
    // Fuzz targets are named without their suffix.
    if (!path.ends_with(".cc") || path.ends_with("_target.cc")) continue;
    EXPECT_TRUE(is_built(path)) << path << " is in no CMakeLists.txt";
  }
}

TEST(Tidy, EveryIncludedHeaderOfOursExists) {
  for (const auto& [path, text] : tree()) {
    if (!path.ends_with(".cc") && !path.ends_with(".h")) continue;
    const std::string code = blanked(text, Blank::comments);
    for (const std::string_view line : lines_of(code)) {
      if (!line.starts_with("#include \"")) continue;
      const std::string header(line.substr(10, line.find('"', 10) - 10));
      if (header.ends_with(".inc")) continue;  // Made by the build.
      const std::string beside = path.substr(0, path.rfind('/') + 1) + header;
      const bool exists = tree().contains("src/" + header) || tree().contains("tests/" + header) ||
                          tree().contains("include/" + header) ||
                          (!path.starts_with("src/") && tree().contains(beside));
      EXPECT_TRUE(exists) << path << " includes " << header;
    }
  }
}

struct Size {
  size_t lines;
  std::string what;
};

void print_longest(const std::string& title, std::vector<Size> sizes) {
  std::sort(sizes.begin(), sizes.end(),
            [](const Size& a, const Size& b) { return a.lines > b.lines; });
  sizes.resize(std::min<size_t>(sizes.size(), 8));
  std::cout << title << '\n';
  for (const Size& size : sizes) std::cout << "  " << size.lines << "  " << size.what << '\n';
}

// A smell to look at, not a number to game: printed and never failed.
TEST(Tidy, PrintsTheLongestFilesAndFunctions) {
  std::vector<Size> files;
  std::vector<Size> functions;
  for (const auto& [path, text] : tree()) {
    if (!path.starts_with("src/") || !(path.ends_with(".cc") || path.ends_with(".h"))) continue;
    files.push_back({lines_of(text).size(), path});
    for (const Function& function : read_scopes(text).functions) {
      functions.push_back({function.lines, path + ":" + std::to_string(function.line) + " " +
                                               function.head.substr(0, 60)});
    }
  }
  print_longest("longest files:", std::move(files));
  print_longest("longest functions:", std::move(functions));
}

}  // namespace
}  // namespace turnpike::tidy
