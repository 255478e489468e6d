// Searching text in blocks gives what searching it byte by byte does: for every byte at every place, in texts
// of every size around that of a block, in memory that ends where the text does.
#include <hdikafka/detail/http/scan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace hdikafka::detail;

bool is_control(char character)
{
    auto const byte = static_cast<unsigned char>(character);
    return (byte < 0x20 && character != '\t') || byte == 0x7f;
}

/// RFC 9110 §5.6.2, another spelling than the one under test.
bool is_token_character(char c)
{
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool const digit = c >= '0' && c <= '9';
    return letter || digit || (c > ' ' && c < 0x7f && std::strchr("\"(),/:;<=>?@[\\]{}", c) == nullptr);
}

std::size_t count(std::string_view text, bool (*wanted)(char))
{
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), wanted) - text.begin());
}

/// `text` in memory of exactly its size: a sanitizer sees a read beyond it.
class exact_memory
{
public:
    explicit exact_memory(std::string const& text)
        : memory_(std::make_unique<char[]>(text.size())), size_(text.size())
    {
        std::copy(text.begin(), text.end(), memory_.get());
    }
    std::string_view view() const { return {memory_.get(), size_}; }

private:
    std::unique_ptr<char[]> memory_;
    std::size_t size_;
};

template <class Check>
void for_each_byte_at_each_place(char filler, Check check)
{
    constexpr std::array<std::size_t, 13> sizes{0, 1, 7, 15, 16, 17, 31, 33, 63, 64, 65, 81, 130};
    for (auto const size : sizes) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int byte = 0; byte != 256; ++byte) {
                std::string text(size, filler);
                text[at] = static_cast<char>(byte);
                exact_memory const memory(text);
                if (check(memory.view()))
                    continue;
                CAPTURE(size);
                CAPTURE(at);
                CAPTURE(byte);
                FAIL_CHECK("another result than byte by byte");
            }
        }
        CHECK(check(exact_memory(std::string(size, filler)).view()));
    }
}

} // namespace

TEST_CASE("find_control finds the first control character but HTAB, from any place on")
{
    auto const plain = [](char c) { return !is_control(c); };
    for_each_byte_at_each_place(
        'v', [&](std::string_view text) { return find_control(text) == count(text, plain); });
    for_each_byte_at_each_place(
        '\t', [&](std::string_view text) { return find_control(text) == count(text, plain); });
    for_each_byte_at_each_place(
        '\xc3', [&](std::string_view text) { return find_control(text) == count(text, plain); });

    std::string text(100, 'v');
    text[40] = '\r';
    text[70] = '\n';
    for (std::size_t from = 0; from <= text.size(); ++from)
        CHECK(find_control(text, from) == (from <= 40 ? 40 : from <= 70 ? 70 : 100));
}

TEST_CASE("has_no_control agrees with it")
{
    for (char const filler : {'v', '\t', '\xff'})
        for_each_byte_at_each_place(filler, [](std::string_view text) {
            return has_no_control(text) == (find_control(text) == text.size());
        });
}

TEST_CASE("token_size counts the token characters at the front")
{
    for (char const filler : {'v', 'Z', '0', '-', '_', '~'})
        for_each_byte_at_each_place(filler, [](std::string_view text) {
            return token_size(text) == count(text, is_token_character);
        });
}

TEST_CASE("a set of characters has its members and no other")
{
    constexpr character_set set("az\xff");
    for (int c = 0; c != 256; ++c)
        CHECK(set.contains(static_cast<char>(c)) == (c == 'a' || c == 'z' || c == 0xff));
    CHECK(set.spells("zaz"));
    CHECK_FALSE(set.spells("zab"));
    CHECK_FALSE(set.spells(""));
}
