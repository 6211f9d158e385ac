// Special tokens and flags beside a tokenizer: tokenizer_config.json, special_tokens_map.json,
// added_tokens.json.

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

constexpr std::array<std::string_view, 7> kRoles{"bos_token", "eos_token", "unk_token", "sep_token",
                                                 "pad_token", "cls_token", "mask_token"};

/// "</s>" or {"content": "</s>", ...}
AddedToken named_token(const JsonNode& node) {
  if (node.is_object()) return added_token(node, true);
  AddedToken token;
  token.content = node.text();
  token.special = true;
  return token;
}

int64_t id_of_key(const JsonNode& node, std::string_view key) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > 1 << 24) {
    node.fail(cat("got the key ", shown(key), ", expected an id"));
  }
  return id;
}

void read_roles(const JsonNode& root, FolderSpecials& specials) {
  for (const std::string_view role : kRoles) {
    const auto node = root.find(role);
    // An empty name stands for no token.
    if (!node || (node->is_text() && node->text().empty())) continue;
    AddedToken token = named_token(*node);
    token.special = true;
    specials.roles.try_emplace(std::string(role), std::move(token));
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto node = root.find(key);
    if (!node || !node->is_array()) continue;
    node->each([&](const JsonNode& entry) { specials.additional.push_back(named_token(entry)); });
  }
}

void read_added_decoder(const JsonNode& node, FolderSpecials& specials) {
  for (const auto member : node.object()) {
    AddedToken token =
        added_token(JsonNode(member.value, cat(node.where(), ".", member.key)), false);
    token.id = static_cast<int32_t>(id_of_key(node, member.key));
    specials.added.push_back(std::move(token));
  }
}

void read_added_json(const JsonNode& root, FolderSpecials& specials) {
  for (const auto member : root.object()) {
    const JsonNode id(member.value, cat(root.where(), ": ", shown(member.key)));
    AddedToken token;
    token.content = member.key;
    if (token.content.empty() || !is_utf8(token.content)) id.fail("not a token");
    if (id.integer() < 0 || id.integer() > 1 << 24) id.expected("an id");
    token.id = static_cast<int32_t>(id.integer());
    token.normalized = true;
    specials.added.push_back(std::move(token));
  }
}

}  // namespace

std::span<const std::string_view> special_roles() {
  return kRoles;
}

std::unique_ptr<JsonDocument> open_json(const fs::path& folder, const char* name) {
  const fs::path path = folder / name;
  if (!fs::exists(path)) return nullptr;
  return std::make_unique<JsonDocument>(read_file(path, uint64_t{1} << 28), path.string());
}

FolderSpecials read_folder_specials(const fs::path& folder) {
  FolderSpecials specials;
  specials.where = folder.string();
  const auto config = open_json(folder, "tokenizer_config.json");
  const auto map = open_json(folder, "special_tokens_map.json");
  const auto decoder = config ? config->root().find("added_tokens_decoder") : std::nullopt;
  // Folders of the older kind, without that key, let the map rule (as the reference does).
  if (map && !decoder) read_roles(map->root(), specials);
  if (config) {
    const JsonNode root = config->root();
    specials.tokenizer_class = root.text_or("tokenizer_class", "");
    if (specials.tokenizer_class.ends_with("Fast")) {
      specials.tokenizer_class.resize(specials.tokenizer_class.size() - 4);
    }
    specials.add_prefix_space = root.flag("add_prefix_space", false);
    if (const auto add = root.find("add_bos_token")) specials.add_bos = add->boolean();
    if (const auto add = root.find("add_eos_token")) specials.add_eos = add->boolean();
    specials.clean_up_spaces = root.flag("clean_up_tokenization_spaces", false);
    read_roles(root, specials);
  }
  if (map && decoder) read_roles(map->root(), specials);
  if (decoder) {
    read_added_decoder(*decoder, specials);
  } else if (const auto added = open_json(folder, "added_tokens.json")) {
    read_added_json(added->root(), specials);
  }
  std::stable_sort(specials.added.begin(), specials.added.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return specials;
}

void add_listed(const FolderSpecials& specials, TokenizerParts& parts) {
  for (const AddedToken& token : specials.added) {
    parts.vocabulary.add(token.content, token.id, specials.where);
    parts.added.push_back(token);
  }
}

void add_missing(const FolderSpecials& specials, TokenizerParts& parts) {
  const auto add = [&](const AddedToken& token) {
    if (parts.vocabulary.find(token.content)) return;
    parts.vocabulary.add(token.content, parts.vocabulary.size(), specials.where);
  };
  for (const std::string_view role : special_roles()) {
    const auto found = specials.roles.find(std::string(role));
    if (found != specials.roles.end()) add(found->second);
  }
  for (const AddedToken& token : specials.additional) add(token);
}

void apply_specials(const FolderSpecials& specials, TokenizerParts& parts) {
  const auto name = [&](const AddedToken& named) -> std::optional<int32_t> {
    const auto id = parts.vocabulary.find(named.content);
    if (!id) return std::nullopt;
    const auto known = [&](const AddedToken& token) { return token.content == named.content; };
    if (std::none_of(parts.added.begin(), parts.added.end(), known)) {
      parts.added.push_back(named);
      parts.added.back().id = *id;
    }
    return id;
  };
  for (const auto& [role, token] : specials.roles) {
    if (const auto id = name(token)) parts.roles[role] = *id;
  }
  for (const AddedToken& token : specials.additional) name(token);
  parts.clean_up_spaces = specials.clean_up_spaces && !parts.bpe;
}

}  // namespace kindred::text
