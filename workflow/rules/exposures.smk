include: "batch.smk"


if BATCH_SECONDS:

    include: "delivery.smk"

else:

    include: "detector1.smk"
    include: "quicklook.smk"
