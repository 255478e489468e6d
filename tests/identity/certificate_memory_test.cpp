// What was secret is gone from memory that is given back: ours, and what OpenSSL took for us.
#include "support/identity/client_certificates.hpp"
#include "support/base/freed_memory.hpp"

#include <hdikafka/detail/identity/certificate.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace test;

namespace {

/// A piece of the key's private exponent, as DER has it.
std::string private_number(EVP_PKEY* key)
{
    BIGNUM* exponent = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key, "d", &exponent) == 1);
    std::string number(static_cast<std::size_t>(BN_num_bytes(exponent)), '\0');
    BN_bn2bin(exponent, reinterpret_cast<unsigned char*>(number.data()));
    BN_clear_free(exponent);
    return number.substr(100, 40);
}

/// The end of each full line of a key's text from behind its public numbers.
std::vector<std::string_view> private_lines(std::string_view pem)
{
    std::vector<std::string_view> out;
    for (std::size_t at = pem.find('\n', pem.size() / 2) + 1; at + 65 < pem.size(); at += 65)
        if (pem[at + 64] == '\n')
            out.push_back(pem.substr(at + 34, 30));
    return out;
}

/// Without the last of them, a copy of which stays in OpenSSL's base64 decoder (3.0).
std::vector<std::string_view> private_text(std::string_view pem)
{
    std::vector<std::string_view> out = private_lines(pem);
    REQUIRE(out.size() > 8);
    out.pop_back();
    return out;
}

/// It would be seen.
void check_seen(std::vector<std::string_view> const& secrets)
{
    for (std::string_view const secret : secrets)
        CHECK(secrets_freed(secrets, [secret] { std::string const copy(secret); }) == 1);
}

std::string const passphrase = "a passphrase that must be gone";

} // namespace

TEST_CASE("loading leaves no copy of the key's text and none of the passphrase")
{
    REQUIRE(openssl_uses_it);
    auto const& own = client_certificates::get();
    std::string const plain = pem_of(own.key.get());
    std::string const traditional = traditional_pem(own.key.get());
    std::vector<std::string_view> secrets = private_text(plain);
    for (std::string_view const text : private_text(traditional))
        secrets.push_back(text);
    secrets.emplace_back(passphrase);

    scratch_folder const folder;
    std::string const leaf = pem_of(own.leaf.get());
    std::vector<std::string> const files{
        folder.file("plain", plain + leaf),
        folder.file("traditional", traditional + leaf),
        folder.file("encrypted", encrypted_pem(own.key.get(), passphrase) + leaf),
        folder.file("older", traditional_pem(own.key.get(), passphrase) + leaf),
        folder.file("pfx", pfx_of(own.key.get(), own.leaf.get(), {}, {passphrase.c_str()})),
        folder.file("plain pfx", pfx_of(own.key.get(), own.leaf.get(), {}, {passphrase.c_str(), -1})),
        folder.file("no certificate", plain),
        folder.file("two keys", plain + leaf + traditional),
    };
    int good = 0;
    for (std::string const& file : files) {
        CAPTURE(file);
        CHECK(secrets_freed(secrets, [&] {
                  auto const got = hdikafka::detail::load_client_certificate(file, passphrase);
                  good += got ? 1 : 0;
              }) == 0);
    }
    CHECK(good == 6);
    check_seen(secrets);
}

// What OpenSSL's decoders make of a block's bytes they do not wipe (3.0): only our part is looked at.
TEST_CASE("a block of PEM leaves no copy of the key's numbers, also when it was encrypted")
{
    EVP_PKEY* const key = client_certificates::get().key.get();
    std::string const number = private_number(key);
    for (std::string const& text : {pem_of(key), traditional_pem(key), traditional_pem(key, passphrase)}) {
        bool decrypted = false;
        auto const read_block = [&] {
            hdikafka::detail::bio_ptr const in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
            hdikafka::detail::pem_block block;
            decrypted = block.read(in.get()) && block.decrypt(passphrase);
            std::string_view const bytes(reinterpret_cast<char const*>(block.data()),
                                         static_cast<std::size_t>(block.length()));
            decrypted = decrypted && bytes.find(number) != std::string_view::npos;
        };
        std::vector<std::string_view> secrets = private_text(text);
        secrets.insert(secrets.end(), {number, passphrase});
        CHECK(secrets_freed(secrets, read_block) == 0);
        CHECK(decrypted);
        CHECK(secrets_freed({private_lines(text).back()}, read_block) <= 1); // and no second one
    }
    check_seen({number});
}
