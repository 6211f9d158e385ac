#include "run/pretrain_text.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "data/lines.h"

namespace kindred::lm {
namespace {

bool is_text_file(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".txt") || name.ends_with(".txt.gz") || name.ends_with(".txt.zst");
}

bool is_narrow(int64_t vocab_size) {
  return vocab_size <= 65536;
}

// Appends ids to a file through a buffer.
class TokenWriter {
 public:
  TokenWriter(const std::filesystem::path& path, bool narrow)
      : path_(path), narrow_(narrow), stream_(path, std::ios::binary) {}

  void put(int64_t id) {
    const auto value = static_cast<uint32_t>(id);
    const char* bytes = reinterpret_cast<const char*>(&value);
    buffer_.insert(buffer_.end(), bytes, bytes + (narrow_ ? 2 : 4));
    ++count_;
    if (buffer_.size() >= size_t{1} << 20) flush();
  }
  int64_t finish() {
    flush();
    stream_.close();
    if (!stream_) throw Error(Exit::io, path_.string(), "writing failed; is the disk full?");
    return count_;
  }

 private:
  void flush() {
    stream_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    buffer_.clear();
  }

  std::filesystem::path path_;
  bool narrow_;
  std::ofstream stream_;
  std::vector<char> buffer_;
  int64_t count_ = 0;
};

}  // namespace

std::vector<std::filesystem::path> find_text_files(const std::vector<std::string>& paths,
                                                   const std::filesystem::path& data_dir) {
  std::vector<std::filesystem::path> files;
  for (const std::string& name : paths) {
    const std::filesystem::path path = data_dir / name;
    if (std::filesystem::is_directory(path)) {
      const size_t before = files.size();
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && is_text_file(entry.path())) files.push_back(entry.path());
      }
      std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
      if (files.size() == before) {
        throw Error(Exit::missing, path.string(),
                    "holds no .txt, .txt.gz or .txt.zst file, expected at least one");
      }
    } else if (std::filesystem::exists(path)) {
      files.push_back(path);
    } else {
      throw Error(Exit::missing, path.string(), "does not exist; see the recipe's first lines");
    }
  }
  return files;
}

void for_each_document(const std::vector<std::filesystem::path>& files, const std::string& rule,
                       const std::function<void(std::string_view)>& take) {
  std::string document;
  const auto finish = [&] {
    if (!trim(document).empty()) take(trim(document));
    document.clear();
  };
  for (const auto& file : files) {
    data::LineReader lines(file);
    std::string_view line;
    while (lines.next(line)) {
      const bool blank = trim(line).empty();
      if (rule == "blank-line" && blank) finish();
      document.append(line).push_back('\n');
      if (rule == "line") finish();
    }
    finish();
  }
}

TokenFile::TokenFile(const std::filesystem::path& path, int64_t vocab_size)
    : file_(path),
      narrow_(is_narrow(vocab_size)),
      size_(static_cast<int64_t>(file_.bytes().size() / (narrow_ ? 2 : 4))) {}

void TokenFile::read(int64_t begin, int64_t n, int64_t* to) const {
  check(begin >= 0 && n >= 0 && begin + n <= size_, "tokens lie inside their file");
  const size_t width = narrow_ ? 2 : 4;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t value = 0;
    std::memcpy(&value, file_.bytes().data() + static_cast<size_t>(begin + i) * width, width);
    to[i] = value;
  }
}

TokenCounts prepare_tokens(const TokenRequest& request, const text::Tokenizer& tokenizer,
                           const std::filesystem::path& folder) {
  TokenWriter train(folder / "train.tokens", is_narrow(request.vocab_size));
  TokenWriter held_out(folder / "held_out.tokens", is_narrow(request.vocab_size));
  TokenCounts counts;
  // Text is people's: a string that looks like a special token is not one.
  const text::EncodeOptions plain{false, false};
  for_each_document(request.files, request.rule, [&](std::string_view document) {
    if (request.stop.stop_requested()) throw Error(Exit::interrupted, "lm pretrain", "stopped");
    const auto number = static_cast<uint64_t>(counts.documents++);
    Random draw(request.seed, "lm/held-out", {number});
    TokenWriter& to = draw.uniform() < request.held_out ? held_out : train;
    for (const int32_t id : tokenizer.encode(document, plain)) to.put(id);
    to.put(request.end_token);
  });
  counts.train = train.finish();
  counts.held_out = held_out.finish();
  return counts;
}

}  // namespace kindred::lm
