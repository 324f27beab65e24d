# Alarms of the R package surveillance on small made series, kept so that the tests need no R.
# Run: Rscript make.R, in this folder. Writes input_daily.csv, input_weekly.csv, ears.csv, farrington.csv, version.txt.
suppressMessages(library(surveillance))

write <- function(frame, name) write.csv(frame, name, row.names = FALSE, quote = FALSE)

set.seed(2026)
days <- 120
daily <- cbind(
  busy = rpois(days, 12), rare = rpois(days, 0.4), burst = rpois(days, 3) + ifelse(seq_len(days) %in% 80:84, 8, 0)
)
write(data.frame(day = seq_len(days), daily), "input_daily.csv")

ears <- NULL
for (series in colnames(daily)) {
  sts <- sts(observed = daily[, series], start = c(2024, 1), frequency = 365)
  for (method in c("C1", "C2", "C3")) {
    control <- list(range = 20:days, method = method, baseline = 7, minSigma = 0.5,
                    alpha = if (method == "C3") 0.025 else 0.001)
    found <- earsC(sts, control = control)
    ears <- rbind(ears, data.frame(
      series = series, method = method, day = 20:days, bound = as.vector(upperbound(found)),
      alarm = as.integer(alarms(found))
    ))
  }
}
write(ears, "ears.csv")

weeks <- 52 * 6
time <- seq_len(weeks)
season <- exp(0.4 * sin(2 * pi * time / 52))
weekly <- cbind(
  level = rpois(weeks, 20), season = rpois(weeks, 15 * season),
  spread = rnbinom(weeks, mu = 12 * season, size = 6), past = rpois(weeks, 18) + ifelse(time %in% 200:203, 30, 0)
)
weekly[300:302, ] <- weekly[300:302, ] + 25
write(data.frame(week = time, weekly), "input_weekly.csv")

farrington <- NULL
for (series in colnames(weekly)) {
  sts <- sts(observed = weekly[, series], start = c(2019, 1), frequency = 52)
  control <- list(
    range = 280:weeks, b = 5, w = 3, noPeriods = 10, pastWeeksNotIncluded = 26, reweight = TRUE, weightsThreshold = 2.58,
    trend = TRUE, pThresholdTrend = 1, thresholdMethod = "nbPlugin", alpha = 0.005, limit54 = c(5, 4),
    glmWarnings = FALSE
  )
  found <- farringtonFlexible(sts, control = control)
  farrington <- rbind(farrington, data.frame(
    series = series, week = 280:weeks, expected = round(as.vector(found@control$expected), 6),
    bound = as.vector(upperbound(found)), alarm = as.integer(alarms(found))
  ))
}
write(farrington, "farrington.csv")
writeLines(c(R.version.string, paste("surveillance", packageVersion("surveillance"))), "version.txt")
