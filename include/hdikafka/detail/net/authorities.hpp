// The authorities that a program names: from a file or a text in PEM to the store of an SSL_CTX.
#ifndef HDIKAFKA_DETAIL_NET_AUTHORITIES_HPP
#define HDIKAFKA_DETAIL_NET_AUTHORITIES_HPP

#include <hdikafka/detail/base/openssl_handle.hpp>
#include <hdikafka/detail/base/owned_descriptor.hpp>
#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/result.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// OpenSSL's own words for the oldest error of this thread's queue, which is emptied.
inline std::string take_openssl_reason()
{
    unsigned long const code = ERR_get_error();
    ERR_clear_error();
    char const* const reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

inline void free_certificates(STACK_OF(X509_INFO) * all) noexcept
{
    sk_X509_INFO_pop_free(all, &X509_INFO_free);
}

/// Adds the certificates of a text, and its revocation lists, to whom the context trusts. An error is only
/// what is wrong with the text.
template <class = void>
result<void> add_authorities(SSL_CTX* context, std::string_view pem)
{
    pem = without_byte_order_mark(pem);
    constexpr std::size_t most = std::numeric_limits<int>::max();
    bio_ptr const text(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), most))));
    // Nobody is there to be asked for a password.
    pem_password_cb* const no_password = [](char*, int, int, void*) { return -1; };
    openssl_handle<STACK_OF(X509_INFO), &free_certificates> const all(
        PEM_X509_INFO_read_bio(text.get(), nullptr, no_password, nullptr));
    if (!all)
        return error(errc::invalid_option, take_openssl_reason());
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    int added = 0;
    for (int i = 0; i < sk_X509_INFO_num(all.get()); ++i) {
        X509_INFO const* const one = sk_X509_INFO_value(all.get(), i);
        if ((one->x509 && X509_STORE_add_cert(store, one->x509) != 1) ||
            (one->crl && X509_STORE_add_crl(store, one->crl) != 1))
            return error(errc::invalid_option, take_openssl_reason());
        added += one->x509 ? 1 : 0;
    }
    if (added == 0)
        return error(errc::invalid_option, "it holds no certificate in PEM");
    return {};
}

/// What a file holds that is read to its end: none that is a pipe, for its other end may never come, and none
/// without an end. An error is only what is wrong with the file.
template <class = void>
result<std::string> read_authority_file(std::string const& path)
{
    constexpr std::size_t most = std::size_t(16) * 1024 * 1024;
    auto const failed = [](int number) {
        return error(errc::invalid_option, std::error_code(number, std::generic_category()).message() +
                                               " (errno " + std::to_string(number) + ")");
    };
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
    owned_descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat about = {};
    if (file.number() < 0 || ::fstat(file.number(), &about) != 0)
        return failed(errno);
    if (!S_ISREG(about.st_mode))
        return error(errc::invalid_option,
                     S_ISDIR(about.st_mode) ? "it is a directory" : "it is not a regular file");
    auto text = read_until_more_than(most, file.number());
    if (!text)
        return failed(errno);
    if (text->size() > most)
        return error(errc::invalid_option, "it has more than " + std::to_string(most) + " bytes");
    return std::move(*text);
}

} // namespace hdikafka::inline v0_1::detail

#endif
