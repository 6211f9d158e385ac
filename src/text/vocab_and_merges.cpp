// `vocab.json` + `merges.txt`: the older files of byte-level tokenizers. What they leave unsaid
// comes from the tokenizer's class.

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

/// The three ways these files are read.
enum class Family { gpt2, roberta, qwen2 };

Family family_of(const fs::path& folder, const FolderSpecials& specials) {
  constexpr std::array<std::pair<std::string_view, Family>, 13> kNames{{
      {"GPT2Tokenizer", Family::gpt2},
      {"RobertaTokenizer", Family::roberta},
      {"LongformerTokenizer", Family::roberta},
      {"BartTokenizer", Family::roberta},
      {"Qwen2Tokenizer", Family::qwen2},
      {"gpt2", Family::gpt2},
      {"opt", Family::gpt2},
      {"roberta", Family::roberta},
      {"longformer", Family::roberta},
      {"bart", Family::roberta},
      {"qwen2", Family::qwen2},
      {"qwen2_moe", Family::qwen2},
      {"qwen3", Family::qwen2},
  }};
  std::string name = specials.tokenizer_class;
  const auto find = [&] {
    return std::find_if(kNames.begin(), kNames.end(),
                        [&](const auto& entry) { return entry.first == name; });
  };
  if (find() == kNames.end() && fs::exists(folder / "config.json")) {
    const fs::path path = folder / "config.json";
    const JsonDocument config(read_file(path, uint64_t{1} << 24), path.string());
    name = config.root().text_or("model_type", "");
  }
  return find() == kNames.end() ? Family::gpt2 : find()->second;
}

/// The special tokens a class has where the folder names none.
void add_defaults(Family family, FolderSpecials& specials) {
  const auto add = [&](const char* role, const char* content) {
    AddedToken token;
    token.content = content;
    token.special = true;
    token.lstrip = std::string_view(role) == "mask_token";
    specials.roles.try_emplace(role, std::move(token));
  };
  switch (family) {
    case Family::gpt2:
      for (const char* role : {"bos_token", "eos_token", "unk_token"}) add(role, "<|endoftext|>");
      break;
    case Family::qwen2:
      for (const char* role : {"eos_token", "unk_token", "pad_token"}) add(role, "<|endoftext|>");
      break;
    case Family::roberta:
      add("bos_token", "<s>");
      add("eos_token", "</s>");
      add("unk_token", "<unk>");
      add("sep_token", "</s>");
      add("pad_token", "<pad>");
      add("cls_token", "<s>");
      add("mask_token", "<mask>");
      break;
  }
}

std::vector<Merge> read_merges(const fs::path& path, const Vocabulary& vocabulary) {
  const std::string text = read_file(path, uint64_t{1} << 30);
  std::vector<Merge> merges;
  MergeReader reader(vocabulary);
  size_t line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    merges.push_back(reader.read(line, [&] { return cat(path.string(), ":", line_number); }));
  }
  if (merges.empty()) {
    throw Error(Exit::bad_data, path.string(), "the file has no merges; it may be incomplete");
  }
  return merges;
}

}  // namespace

TokenizerParts parts_of_vocab_and_merges(const fs::path& folder, const FolderSpecials& given) {
  TokenizerParts parts;
  const fs::path path = folder / "vocab.json";
  parts.where = path.string();
  read_vocabulary(JsonDocument(read_file(path, uint64_t{1} << 30), parts.where).root(),
                  parts.vocabulary);
  parts.bpe = true;
  parts.make_model =
      bpe_maker(read_merges(folder / "merges.txt", parts.vocabulary), {}, parts.where);

  FolderSpecials specials = given;
  const Family family = family_of(folder, given);
  add_defaults(family, specials);
  // Two bare files, with nothing that says whose they are, get no token they do not hold.
  const bool described =
      fs::exists(folder / "config.json") || fs::exists(folder / "tokenizer_config.json");
  add_listed(specials, parts);
  if (described || !given.roles.empty()) add_missing(specials, parts);
  apply_specials(specials, parts);

  if (family == Family::qwen2) parts.normalizer = Normalizer::of_form(NormalForm::nfc);
  const SplitRule rule = family == Family::qwen2 ? SplitRule{SplitRule::Kind::cl100k, 1}
                                                 : SplitRule{SplitRule::Kind::gpt2};
  parts.pre_tokenizer = PreTokenizer::of_rule(rule, specials.add_prefix_space);
  parts.decoder.byte_level();
  const auto ids_of = [&](const char* role, bool wanted) {
    const auto found = parts.roles.find(role);
    if (!wanted || found == parts.roles.end()) return std::vector<int32_t>();
    return std::vector<int32_t>{found->second};
  };
  if (family == Family::roberta) {
    parts.post_processor = PostProcessor::of_roberta(required_role(parts, "cls_token"),
                                                     required_role(parts, "sep_token"));
  } else if (specials.add_bos.value_or(false) || specials.add_eos.value_or(false)) {
    parts.post_processor = PostProcessor(ids_of("bos_token", specials.add_bos.value_or(false)),
                                         ids_of("eos_token", specials.add_eos.value_or(false)));
  }
  return parts;
}

}  // namespace kindred::text
