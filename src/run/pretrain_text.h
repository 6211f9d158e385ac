#pragma once
// Text files to documents to files of token ids, all streamed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "text/tokenizer.h"

namespace kindred::lm {

/// The files that paths name: folders stand for the .txt, .txt.gz and .txt.zst files below them, in
/// the order of their names. Throws `missing`.
std::vector<std::filesystem::path> find_text_files(const std::vector<std::string>& paths,
                                                   const std::filesystem::path& data_dir);

/// Calls `take` with every document that has more than white space. `rule` is blank-line, line or
/// file.
void for_each_document(const std::vector<std::filesystem::path>& files, const std::string& rule,
                       const std::function<void(std::string_view)>& take);

/// Token ids on disk: 16 bits each where the vocabulary allows, else 32.
class TokenFile {
 public:
  TokenFile(const std::filesystem::path& path, int64_t vocab_size);
  int64_t size() const { return size_; }
  /// Writes ids [begin, begin + n) as int64.
  void read(int64_t begin, int64_t n, int64_t* to) const;

 private:
  MappedFile file_;
  bool narrow_;
  int64_t size_;
};

/// What prepare_tokens made.
struct TokenCounts {
  int64_t documents = 0, train = 0, held_out = 0;
};

/// How documents become token files.
struct TokenRequest {
  std::vector<std::filesystem::path> files;
  std::string rule;
  double held_out = 0;
  int64_t end_token = 0;   ///< put after every document
  int64_t vocab_size = 0;  ///< decides the width of stored ids
  uint64_t seed = 1;
  std::stop_token stop;
};

/// Writes `train.tokens` and `held_out.tokens` into a folder: every document's tokens and the end
/// token, one after another; which documents are held out is drawn from the seed.
TokenCounts prepare_tokens(const TokenRequest& request, const text::Tokenizer& tokenizer,
                           const std::filesystem::path& folder);

}  // namespace kindred::lm
