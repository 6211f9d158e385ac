// People and items that came after a run was trained.

#include "run/arrivals.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "run/evaluate_run.h"
#include "run/recommend.h"
#include "run/small_store.h"

namespace kindred::run {
namespace {

using ArrivalsTest = small::StoreTest;

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

const char* const methods[] = {"pop", "bias", "ease", "item-knn", "slim", "multi-vae", "md-cvae"};

std::string recipe_of(const std::string& method) {
  std::string text = "method: " + method + "\n";
  if (method == "multi-vae") text += "multi-vae: {hidden_sizes: [8], latent_size: 4}\n";
  if (method == "md-cvae")
    text +=
        "md-cvae: {hidden_sizes: [8], latent_size: 4, content_hidden_sizes: [8], content: "
        "reviews}\n";
  if (method.ends_with("vae")) text += "train: {epochs: 1}\n";
  return text;
}

TEST_F(ArrivalsTest, ARunIsJudgedOnDataWithNewPeopleAndItems) {
  // The store with a person and an item more, and everybody in another order.
  const fs::path later = folder_ / "later/store";
  small::write_store(later);
  for (const char* part : {"train", "valid", "test"}) {
    const fs::path path = later / cat(part, ".inter");
    std::vector<std::string> lines = split(read_file(path), '\n');
    std::string text = lines[0] + "\n";
    const std::string rest = std::string(part) == "train" ? "\t5\tno words\n" : "\t5\n";
    const std::string item = std::string(part) == "test" ? "new-item" : cat("i", part[0] % 3);
    text += cat("new-person\t", item, rest, "u3\tnew-item", rest);
    for (size_t i = lines.size(); i-- > 1;)
      if (!lines[i].empty()) text += lines[i] + "\n";
    write_file(path, text);
  }
  for (const char* method : methods) {
    SCOPED_TRACE(method);
    const TrainOutcome outcome = train(request(method, recipe_of(method)));
    EvaluateRequest asked;
    asked.run = outcome.run_folder;
    asked.data = "later/store";
    asked.dump = folder_ / "lists.tsv";
    asked.paths.data_dir = folder_.string();
    asked.paths.cache_dir = (folder_ / "cache").string();
    const Json metrics = evaluate_run(asked).at("test");
    EXPECT_GE(metrics.at("recall@5").get<double>(), 0.0);
    const std::string lists = read_file(asked.dump);
    EXPECT_NE(lists.find("new-person\t"), std::string::npos) << "judged by the history";
    EXPECT_NE(lists.find("new-item"), std::string::npos) << "and stands at the end of lists";
  }
}

TEST_F(ArrivalsTest, NewItemsAreColdAndLast) {
  write_file(folder_ / "new.tsv",
             "item:token\tprice:float\ttitle:token_seq\nn1\t3\tA new thing\n"
             "i2\t4\tAnother title\nn2\t5\t\n");
  for (const char* method : methods) {
    SCOPED_TRACE(method);
    train(request(method, recipe_of(method)));
    const fs::path folder = folder_ / "runs" / method;
    OpenedRun plain = open_run(folder), run = open_run(folder);
    const Arrivals arrivals = extend(run, {}, read_new_items(folder_ / "new.tsv"));
    EXPECT_EQ(arrivals.items, 2);
    EXPECT_EQ(arrivals.users, 0);
    RecommendRequest request;
    request.users = {"u1", "u2"};
    request.top = 100;
    const auto before = recommend(plain, request), after = recommend(run, request);
    for (size_t u = 0; u < after.size(); ++u) {
      ASSERT_EQ(after[u].items.size(), before[u].items.size() + 2);
      for (size_t i = 0; i < before[u].items.size(); ++i) {
        EXPECT_EQ(after[u].items[i].item, before[u].items[i].item) << "as it was";
        EXPECT_EQ(after[u].items[i].score, before[u].items[i].score);
      }
      const RecommendedItem& last = after[u].items.back();
      EXPECT_TRUE(last.cold);
      EXPECT_TRUE(last.item == "n1" ? last.title == "A new thing" : last.title == "n2");
    }
    request.users.clear();
    request.history = {"n1", "i3"};
    const Recommendation known = recommend(run, request).front();
    EXPECT_EQ(known.history, (std::vector<std::string>{"n1", "i3"}));
    EXPECT_TRUE(known.unknown.empty());
    request.among = {"n1", "n2"};
    EXPECT_EQ(recommend(run, request).front().items.size(), 1u) << "n1 is known to the person";
    RecommendRequest whom;
    whom.users = {"u1"};
    EXPECT_EQ(score_items(run, whom, {"n2", "i0"}).items.size(), 2u);
  }
}

TEST_F(ArrivalsTest, FilesOfNewItemsAreReadStrictly) {
  const auto refused = [&](const std::string& text) {
    write_file(folder_ / "new.tsv", text);
    return refusal([&] { read_new_items(folder_ / "new.tsv"); });
  };
  EXPECT_NE(refused("").find("expected a header with item:token"), std::string::npos);
  EXPECT_NE(refused("token\tname\nn1\tx\n").find("new.tsv:1"), std::string::npos);
  EXPECT_NE(refused("item:token\nn1\tx\n").find("new.tsv:2: got 2 fields, expected 1"),
            std::string::npos);
  EXPECT_NE(refused("item:token\nn1\nn1\n").find("new.tsv:3"), std::string::npos);
  EXPECT_NE(refused("item:token\ttitle:token_seq\n\tx\n").find("got no item token"),
            std::string::npos);
  EXPECT_NE(refusal([&] { read_new_items(folder_ / "none.tsv"); }).find("no such file"),
            std::string::npos);
  write_file(folder_ / "new.tsv", "item_id:token\r\nn1\r\n\r\n");
  EXPECT_EQ(read_new_items(folder_ / "new.tsv").size(), 1u);
  small::write_store(folder_ / "store");
  train(request("pop", "method: pop\n"));
  write_file(folder_ / "other/train.inter", "user_id:token\titem_id:token\nx\ty\n");
  write_file(folder_ / "other/valid.inter", "user_id:token\titem_id:token\nx\ty\n");
  write_file(folder_ / "other/test.inter", "user_id:token\titem_id:token\nx\tz\n");
  EvaluateRequest asked;
  asked.run = folder_ / "runs/pop";
  asked.data = "other";
  asked.paths.data_dir = folder_.string();
  EXPECT_NE(refusal([&] { evaluate_run(asked); }).find("shares no item"), std::string::npos);
}

}  // namespace
}  // namespace kindred::run
