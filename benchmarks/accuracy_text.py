"""The text of the accuracy page."""

from string import Template

TEMPLATE = Template("""\
# Accuracy

Rates, uncertainties and jumps from onramp's own steps, compared with simulated truth. `make
accuracy` repeats the study and writes this page and its figure; it is seeded ($seed), so that the
same versions of the libraries give the same figures.

- **Rates.** From 5 to 20 groups and 0.1 to 1000 e⁻/read, OLS_C is at most $ols_worst and LIKELY
  at most $likely_worst noisier than the best linear fit; an unweighted straight line is up to
  $plain_worst noisier. The bias of a single ramp is at most $ols_bias of its noise for OLS_C
  ($ols_bias_case) and $likely_bias for LIKELY.
- **Uncertainties.** The true errors are $likely_pull times LIKELY's ERR and $ols_pull times
  OLS_C's (farthest off: $ols_pull_case).
- **Jumps.** At 1 e⁻/read LIKELY finds half of the hits of $likely_long e⁻ in ramps of 50 groups,
  the two-point method half of those of $two_point_long e⁻; in ramps of 5 groups it takes
  $likely_short e⁻ and $two_point_short e⁻. From 25 e⁻/read on, the two-point method has
  $more_alarms times as many false alarms.
- **Caution.** Without the jump step LIKELY overlooks even the largest hits in some faint ramps of
  5 or 7 groups, and its mean over integrations is too low for faint pixels: by $loss of the flux
  for ten integrations of five groups at $loss_rate e⁻/read.

![Noise, bias, hits found, and the error that hits leave](accuracy.svg)

a, b: ramps without hits; c: hits in ramps of 5 and 50 groups; d: what one hit leaves in the rate
of 20 groups. c and d are at $left_rate e⁻/read. Bars, mostly smaller than the symbols, are one
standard Monte Carlo error.

## How it is measured

- The gain is 1 e⁻/DN and a read has Gaussian noise of $read_noise e⁻, which a reference file holds
  as $difference_noise DN, the noise of the difference of two reads. There is a read every second,
  so a flux in e⁻/read is one in e⁻/s. Photons are Poisson; there is no dark current, saturation or
  non-linearity, and pixels are independent.
- OLS_C is `ramp_fit` as it is by default, LIKELY is `ramp_fit.algorithm: LIKELY`. Two-point is the
  `jump` step with its defaults but for `flag_4_neighbors`, since these pixels have no neighbours.
  LIKELY searches for jumps itself and is given ramps without flags unless a table says otherwise.
- The best linear fit is generalized least squares with weights that know the true flux. Its noise
  follows from the covariance matrix of the reads, without onramp's kernels. Each fit is compared
  with the best fit of the same $pixels ramps, which takes most of the Monte Carlo noise out of the
  comparison.

## Noise, bias and uncertainties

Noise is in units of the best linear fit's, and so is the bias. *Plain line* is the noise of an
unweighted straight line, computed exactly. *Pull* is the root mean square of (rate - truth) / ERR:
above 1, ERR is too small. Monte Carlo errors are at most $ratio_error (noise), $bias_error (bias),
$pull_error (pull) and $chisq_error (χ²/dof).

$fits

OLS_C takes its weights from one of six classes by the signal-to-noise that it measures, so a ramp
that noise lifts into the next class is weighted otherwise than its twin below: hence a small
positive bias at intermediate flux. A noise ratio below 1 (lowest: $ols_lowest) is the other side of
this, since weights chosen by the data make a fit non-linear. Its ERR adds the photon noise of a fit
to the end points and the read noise of an unweighted line, neither of which is quite the fit's own.

LIKELY fits twice, the second time with weights from the first fit. Weights from a ramp's median
difference alone would give a bias of up to $single_bias of the noise; the second fit leaves
$likely_bias. Mean χ²/dof is $chisq.

### Several integrations, averaged reads

Noise and bias of the mean rate, in units of the best linear fit's noise.

$others

The mean of several integrations is where LIKELY loses. It weights them by their total variance,
whose photon part counts as zero for an integration that came out negative, so that these weigh
more. The plain mean of the rates in `rateints` has a bias of at most $each_bias of the noise. OLS_C
weights integrations by read noise alone and keeps the small bias of its single ramps, which counts
for more against the lower noise of the mean.

## False alarms

Differences flagged per million, in ramps without hits; at least $differences million differences in
each row, with the error of counting. Gaussian noise of known mean and width would give 63 beyond
4 σ, 6.8 beyond 4.5 σ and 0.57 beyond 5 σ. LIKELY asks for a drop of χ² by 20.25 for leaving out one
difference (4.5 σ, $p_one per million), and by 23.8 for the two on either side of a group of
averaged reads ($p_two per million).

$alarms

The two-point method takes the median difference for the truth, and with fewer than 11 groups it
compares the differences' sizes without their sign, the largest left out. With few groups both
median and predicted noise are uncertain: $short_alarms per million with 5 groups, depending on the
flux, but $long_alarms with 50. This is the method as defined, and the reference package has the
same alarms. LIKELY has $likely_alarms per million, but $worst_alarms in $worst_alarms_case: its
first fit takes the median difference for the flux, or zero where it is negative, and then expects
too little photon noise of a long, faint ramp.

## Hits

One hit in each of $hit_pixels ramps, in a random difference. Charge [e⁻] of the hits of which half,
or 90 %, are found by each search:

$found

LIKELY finds no hit, however large, in ramps of 5 or 7 groups of single reads whose median
difference is not positive: without photon noise the gain of leaving out two differences becomes 0/0
there and hides all others. At 1 e⁻/read and 5 groups this is $missed of the hits of
$missed_size e⁻. The reference package does the same; the jump step before LIKELY finds these hits.

Error of the rate of 20 groups at $left_rate e⁻/read, in units of the best fit's noise without a
hit: the mean, and in brackets the root mean square. *Two-point, LIKELY* is what a pipeline with
both searches does.

$left

The error that is left is largest for hits that a search just misses. Where LIKELY finds a hit
itself it leaves out one difference; a flag of the jump step costs LIKELY two, since it uses no
difference of which either group is flagged.

## Which fit to choose

Use LIKELY for ramps of ten groups or more, in one or a few integrations, and skip the jump step
there unless snowballs, showers or flagged neighbours are wanted: rates are hardly less noisy than
OLS_C's, but smaller cosmic rays are found, mostly with fewer false alarms, ERR is closer to the
truth, and χ² tells which ramps are no straight lines. With shorter ramps keep the jump step. Stay
with OLS_C for the archive's numbers, for fewer than four groups, and for the mean of many short
integrations of faint sources; or average LIKELY's `rateints` there.
""")
