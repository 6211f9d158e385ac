// SentencePiece's model files: small ones against the reference, and damaged or hostile ones.
// Fixture: tests/reference/text_sentence_piece.py.

#include <gtest/gtest.h>

#include <sstream>

#include "core/error.h"
#include "text/text_fixture.h"
#include "text/tokenizer.h"

namespace kindred::text {
namespace {

std::string base64_decoded(const std::string& text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char digit : text) {
    if (digit == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(digit));
    if ((count += 6) < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

std::string model_bytes(const std::string& name) {
  return base64_decoded(fixture("sentence_piece.json")["models"][name]["model"]);
}

/// The error of a folder with these bytes as its model, without the folder's name; empty: none.
std::string refusal(const std::string& bytes, const char* name = "tokenizer.model") {
  TestFolder folder;
  folder.write(name, bytes);
  try {
    const auto tokenizer = Tokenizer::load(folder.path());
    for (const char* text : {"", " the guitar's ", "\xE6\x97\xA5\xE6\x9C\xAC <0x41>\n"}) {
      for (const int32_t id : tokenizer->encode(text)) EXPECT_LT(id, tokenizer->size());
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
    EXPECT_EQ(error.lines().size(), 1u);
    std::string message = error.what();
    EXPECT_TRUE(message.starts_with(folder.path().string())) << message;
    return message.substr(folder.path().string().size() + 1);
  }
  return "";
}

/// A field of a protocol buffer that holds bytes.
std::string field(int number, const std::string& bytes) {
  std::string result(1, static_cast<char>(number << 3 | 2));
  size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) result += static_cast<char>(size | 0x80);
  return result + static_cast<char>(size) + bytes;
}

std::string number_field(int number, uint8_t value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}

std::string piece(const std::string& text, uint8_t type = 1) {
  return field(1, field(1, text) + std::string("\x15\x00\x00\x80\xBF", 5) + number_field(3, type));
}

/// The smallest model: `<unk>`, `<s>`, `</s>` and two letters.
std::string smallest(uint8_t model_type) {
  return piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3) + piece("a") + piece("ab") +
         field(2, number_field(3, model_type));
}

/// A table of characters: the trie's length, the trie, the texts.
std::string table(uint32_t length, const std::vector<uint32_t>& units, const std::string& texts) {
  std::string bytes(reinterpret_cast<const char*>(&length), 4);
  bytes.append(reinterpret_cast<const char*>(units.data()), units.size() * 4);
  return field(3, field(2, bytes + texts));
}

TEST(SentencePiece, SmallModelsEqualTheReference) {
  const Fixture data = fixture("sentence_piece.json");
  const auto cases = data["cases"].get<std::vector<std::string>>();
  const size_t group = data["group"];
  for (const auto& [name, model] : data["models"].items()) {
    TestFolder folder;
    folder.write("tokenizer.model", base64_decoded(model["model"]));
    const auto tokenizer = Tokenizer::load(folder.path());
    EXPECT_EQ(tokenizer->size(), model["size"]);
    EXPECT_EQ(tokenizer->prefix_ids(), std::vector{*tokenizer->bos()});
    std::istringstream digests(model["rows"].get<std::string>());
    for (size_t begin = 0; begin < cases.size(); begin += group) {
      std::string rows, expected;
      for (size_t i = begin; i < std::min(begin + group, cases.size()); ++i) {
        rows += id_row(tokenizer->encode(cases[i], {.add_special_tokens = false}));
      }
      digests >> expected;
      EXPECT_EQ(short_digest(rows, 8), expected) << name << ", from case " << begin;
    }
  }
}

TEST(SentencePiece, TheFolderSaysWhatIsAdded) {
  TestFolder folder;
  folder.write("tokenizer.model", model_bytes("bpe"));
  folder.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  auto tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer->prefix_ids(), std::vector<int32_t>());
  EXPECT_EQ(tokenizer->suffix_ids(), std::vector<int32_t>{2});
  // Each stretch between special tokens gets its own space in front.
  const auto the = tokenizer->encode("the", {.add_special_tokens = false});
  auto expected = the;
  expected.push_back(1);
  expected.insert(expected.end(), the.begin(), the.end());
  EXPECT_EQ(tokenizer->encode("the<s>the", {.add_special_tokens = false}), expected);
  const auto plain =
      tokenizer->encode("</s>", {.add_special_tokens = false, .parse_special = false});
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 2), 0);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" a  b\n\xE6\x97\xA5"), true),
            " a  b\n\xE6\x97\xA5");
}

TEST(SentencePiece, WithoutLegacyOnlyTheWholeTextGetsASpace) {
  TestFolder folder;
  folder.write("tokenizer.model", model_bytes("bpe"));
  folder.write("tokenizer_config.json", R"({"add_bos_token": false, "legacy": false})");
  const auto tokenizer = Tokenizer::load(folder.path());
  const auto pieces = [&](const char* text) {
    std::string joined;
    for (const int32_t id : tokenizer->encode(text)) joined += tokenizer->piece(id) + " ";
    return joined;
  };
  EXPECT_EQ(pieces("a"), "▁a ");
  EXPECT_EQ(pieces(" a"), "▁ ▁a ");
  EXPECT_EQ(pieces("a</s>a"), "▁a </s> a ");
  EXPECT_EQ(pieces("</s>a</s> a"), "</s> a </s> ▁a ");
}

TEST(SentencePiece, SentinelsFollowThePieces) {
  TestFolder folder;
  folder.write("spiece.model", model_bytes("unigram"));
  folder.write("tokenizer_config.json", R"({"extra_ids": 3})");
  const auto tokenizer = Tokenizer::load(folder.path());
  const int32_t size = fixture("sentence_piece.json")["models"]["unigram"]["size"];
  EXPECT_EQ(tokenizer->size(), size + 3);
  EXPECT_EQ(tokenizer->piece(size), "<extra_id_2>");
  EXPECT_EQ(tokenizer->piece(size + 2), "<extra_id_0>");
  EXPECT_EQ(tokenizer->encode(" <extra_id_0> \n"), (std::vector{size + 2, *tokenizer->eos()}));
  folder.write("tokenizer_config.json", R"({"extra_ids": -1})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "XLNetTokenizer"})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
}

TEST(SentencePiece, ATruncatedModelIsRefusedOrWhole) {
  for (const char* name : {"bpe", "unigram, user's symbols"}) {
    const std::string whole = model_bytes(name);
    ASSERT_EQ(refusal(whole), "");
    for (size_t length = 0; length < whole.size(); length += 1 + length / 16) {
      refusal(whole.substr(0, length));  // it may end between two fields; it never crashes
    }
    EXPECT_NE(refusal(whole.substr(0, whole.size() / 2)), "");
  }
}

TEST(SentencePiece, EveryFaultIsNamed) {
  for (const uint8_t type : {1, 2}) {
    const std::string good = smallest(type);
    ASSERT_EQ(refusal(good), "");
    const struct {
      std::string bytes;
      const char* message;
    } faults[] = {
        {"", "tokenizer.model: the model has no pieces"},
        {"\xFF\xFF\xFF", "tokenizer.model: not a SentencePiece model"},
        {"not a model at all", "tokenizer.model: not a SentencePiece model"},
        {good + field(1, field(1, "")), "tokenizer.model: piece 5: the piece is empty"},
        {good + piece("\xC3"), "tokenizer.model: piece 5: the piece \"\xEF\xBF\xBD\" is not UTF-8"},
        {good + piece(std::string("a\0b", 3)), "tokenizer.model: piece 5: the piece \"a"},
        {good + piece("a"), "tokenizer.model: token \"a\": got two ids, 3 and 5"},
        {good + piece("c", 7), "tokenizer.model: piece 5: got the type 7, expected 1 to 6"},
        {good + field(1, field(1, "c") + std::string("\x15\x00\x00\xC0\x7F", 5)),
         "tokenizer.model: piece 5: the piece's score is not finite"},
        {good + number_field(1, 3), "tokenizer.model: field 1 is of the wrong kind"},
        {good + field(2, number_field(3, 3)), "tokenizer.model: got the model type 3, expected"},
        {good + field(3, field(2, "ab")), "tokenizer.model: the table of characters has no length"},
        {good + table(1024, {}, "x"), "tokenizer.model: the table of characters says its trie has"},
        {good + table(6, {0, 0}, std::string(1, '\0')), "tokenizer.model: the table of characters"},
        {good + table(1024, std::vector<uint32_t>(256, 0), "text"),
         "tokenizer.model: the table of characters ends within a text"},
        {good + table(1024, std::vector<uint32_t>(256, 0x7FFFFC00), std::string(1, '\0')),
         "tokenizer.model: the table of characters points past its trie"},
        {good + table(1024, std::vector<uint32_t>(256, 0x80000000), std::string(1, '\0')), ""},
        {good + table(1024, std::vector<uint32_t>(256, 0xFFFFFFFF), std::string(1, '\0')),
         "tokenizer.model: the table of characters points past its trie"},
        {good + table(1024, std::vector<uint32_t>(256, 0x100), std::string(1, '\0')),
         "tokenizer.model: the table of characters points past its texts"},
    };
    for (const auto& [bytes, message] : faults) {
      const std::string said = refusal(bytes);
      EXPECT_TRUE(said.starts_with(message)) << said << "\n  expected " << message;
    }
  }
  const std::string nameless = piece("<s>", 3) + piece("</s>", 3) + piece("a");
  EXPECT_NE(refusal(nameless + field(2, number_field(3, 1))), "");
  EXPECT_NE(refusal(nameless + field(2, number_field(3, 2))), "");
}

TEST(SentencePiece, ALongTextTakesLinearTime) {
  for (const char* name : {"bpe", "unigram", "unigram, bytes"}) {
    TestFolder folder;
    folder.write("tokenizer.model", model_bytes(name));
    const auto tokenizer = Tokenizer::load(folder.path());
    std::string text;
    while (text.size() < size_t{1} << 20) text += "the guitar";
    EXPECT_GT(tokenizer->encode(text).size(), size_t{1} << 17) << name;
  }
}

}  // namespace
}  // namespace kindred::text
