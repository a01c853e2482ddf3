rule quicklook:
    input:
        uncal=uncal_of,
        rate=f"{RESULTS}/{{exposure}}_rate.fits",
        rateints=f"{RESULTS}/{{exposure}}_rateints.fits",
        statistics=STATISTICS,
    output:
        picture=PICTURE,
    log:
        f"{RESULTS}/logs/{{exposure}}_quicklook.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{exposure}}_quicklook.tsv"
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=700,
    params:
        library=library_digest("quicklook"),
    message:
        "Draw {wildcards.exposure}"
    script:
        "../../scripts/quicklook.py"
